import { get, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { type Bench, fork } from './bench.ts';
import type { BareAnswer } from './children/bare-http.ts';
import type { LoadClient } from './children/load.ts';
import { CONNECTIONS, measureLoad } from './http-load.ts';
import { buyerId } from './market.ts';
import type { Row } from './report.ts';
import { compare, type Side, takeTurns } from './turns.ts';

const KEEP_ALIVE_MS = 72_000; // as the shop has it: the number is in a header

// node:http adds these by itself, in both servers.
const automaticHeaders = ['date', 'connection', 'keep-alive'];

/** Measures a GET whose answer stays the same against a bare server that sends the same bytes. */
export async function measureAgainstBareHttp(
  bench: Bench,
  { workload, path, bar }: { workload: string; path: string; bar: number },
): Promise<Row[]> {
  const { souk, headersOf } = await bench.market();
  const headers = headersOf(buyerId(0));
  const answer = await readAnswer(souk.url + path, headers);
  const bare = fork(bench, 'bare-http');
  const { port } = await bare.ask<{ port: number }>(answer);
  const bareUrl = `http://127.0.0.1:${port}`;
  assertSame(await readAnswer(bareUrl + path, headers), answer);

  const client: LoadClient = { headers, requests: [{ method: 'GET', path }] };
  const clients = Array.from({ length: CONNECTIONS }, () => client);
  const side = (name: string, url: string, pid: number): Side => ({
    name,
    run: (seconds) => measureLoad(bench, { url, seconds, clients, pid }),
  });
  const rounds = await takeTurns(bench, side('ours', souk.url, souk.child.pid), {
    ...side('bare node:http', bareUrl, bare.pid),
    stop: () => bare.stop(),
  });
  const { length } = answer.body;
  const notes = [`${length} bytes of body, ${answer.rawHeaders.length / 2 + 3} headers`];
  return [compare(rounds, { workload, unit: 'req/s', bar, notes })];
}

/** One answer of a server, in the form that the bare server repeats. */
async function readAnswer(url: string, headers: Record<string, string>): Promise<BareAnswer> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get(url, { headers, agent: false }, resolve).on('error', reject);
  });
  const body = await text(response);
  if (response.statusCode !== 200) throw new Error(`${url}: ${response.statusCode} ${body}`);
  const rawHeaders = response.rawHeaders.filter((_, index, all) => {
    const name = all[index - (index % 2)] ?? '';
    return !automaticHeaders.includes(name.toLowerCase());
  });
  return { rawHeaders, body, keepAliveTimeoutMs: KEEP_ALIVE_MS };
}

/** The limit must do the same work: the same headers in the same order, the same bytes. */
function assertSame(bare: BareAnswer, ours: BareAnswer): void {
  const same = bare.body === ours.body && bare.rawHeaders.join('\n') === ours.rawHeaders.join('\n');
  if (!same) throw new Error('The bare server does not answer the same as the shop');
}
