import { get, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { type Bench, connections, measureLoad, type Measured, type Workload } from './bench.ts';
import type { BareAnswer } from './bare-http.ts';
import { register } from './market.ts';
import { median, type Row } from './report.ts';

const CONNECTIONS = 64;
const WARM_UP_SECONDS = 2;
const BAR = 0.5;
const KEEP_ALIVE_MS = 72_000; // as the shop has it: the number is in a header
const path = '/list-product/';

// node:http adds these by itself, in both servers.
const automaticHeaders = ['date', 'connection', 'keep-alive'];

/** The first page of the product list, cached, asked for with a token. */
export const listProduct: Workload = {
  name: 'list-product',
  async run(bench) {
    const souk = await bench.souk();
    const headers = { authorization: `Bearer ${await register(souk.url, 'viewer')}` };
    const answer = await readAnswer(souk.url + path, headers);
    const bare = bench.processes.fork(bench.places.bareHttp);
    const { port } = await bare.ask<{ port: number }>(answer);
    const bareUrl = `http://127.0.0.1:${port}`;
    compare(await readAnswer(bareUrl + path, headers), answer);

    const clients = connections(CONNECTIONS, [{ method: 'GET', path, headers }]);
    const ours = (seconds: number) =>
      measureLoad(bench, { url: souk.url, seconds, connections: clients, pid: souk.child.pid });
    const limit = (seconds: number) =>
      measureLoad(bench, { url: bareUrl, seconds, connections: clients, pid: bare.pid });
    await ours(WARM_UP_SECONDS);
    await limit(WARM_UP_SECONDS);
    const rounds: { ours: Measured; limit: Measured }[] = [];
    for (let round = 1; round <= bench.rounds; round += 1) {
      const pair = { ours: await ours(bench.seconds), limit: await limit(bench.seconds) };
      rounds.push(pair);
      sayRound(bench, round, pair);
    }
    await bare.stop();
    return [summarise(rounds, answer)];
  },
};

function sayRound({ say }: Bench, round: number, pair: { ours: Measured; limit: Measured }): void {
  const [ours, limit] = [pair.ours, pair.limit].map(({ perSecond }) => Math.round(perSecond));
  say(`  round ${round}: ours ${ours}/s, bare node:http ${limit}/s`);
}

function summarise(rounds: { ours: Measured; limit: Measured }[], answer: BareAnswer): Row {
  const middle = (value: (pair: (typeof rounds)[number]) => number) => median(rounds.map(value));
  const ratio = middle(({ ours, limit }) => ours.perSecond / limit.perSecond);
  const ourCpu = middle(({ ours }) => ours.cpuMicroseconds ?? 0);
  const bareCpu = middle(({ limit }) => limit.cpuMicroseconds ?? 0);
  const size = `${answer.body.length} bytes of body, ${answer.rawHeaders.length / 2 + 3} headers`;
  const cpu = `server CPU for a request ${ourCpu.toFixed(0)} µs, bare ${bareCpu.toFixed(0)} µs`;
  return {
    workload: 'list-product',
    unit: 'req/s',
    ours: middle(({ ours }) => ours.perSecond),
    limit: middle(({ limit }) => limit.perSecond),
    ratio,
    p50Ms: middle(({ ours }) => ours.p50Ms),
    p99Ms: middle(({ ours }) => ours.p99Ms),
    bar: `≥ ${BAR}`,
    ok: ratio >= BAR,
    notes: [size, `${cpu} (ratio ${(bareCpu / ourCpu).toFixed(2)}, free of the generator's cost)`],
    rounds,
  };
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
function compare(bare: BareAnswer, ours: BareAnswer): void {
  const same = bare.body === ours.body && bare.rawHeaders.join('\n') === ours.rawHeaders.join('\n');
  if (!same) throw new Error('The bare server does not answer the same as the shop');
}
