import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { newDatabase } from '../program-data.ts';
import type { User } from '../harness.ts';
import { cleanUp, type ServedShop, serve } from '../program.ts';
import { ordered, times, within } from '../shopping.ts';
import { offer, register } from '../traffic.ts';

after(cleanUp);

const CONNECTIONS = 4_000; // more than the event loop looks at in one go: its timers wait then
const STOCK = 100_000;

interface Crowd {
  port: number;
  requests: string[];
}

/** Reads lists on many connections, each as soon as it has its answer; on a thread of its own. */
async function openCrowd(crowd: Crowd): Promise<Worker> {
  const worker = new Worker(`(${String(readOnAndOn)})()`, { eval: true, workerData: crowd });
  await once(worker, 'message');
  return worker;
}

function readOnAndOn(): void {
  const { connect } = process.getBuiltinModule('node:net');
  const { parentPort, workerData } = process.getBuiltinModule('node:worker_threads');
  const { port, requests }: Crowd = workerData;
  const again: (() => void)[] = [];
  const openNext = (): void => {
    const request = requests[again.length];
    if (request === undefined) {
      for (const ask of again) ask();
      return parentPort?.postMessage('open');
    }
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    const ask = (): void => void socket.write(request);
    ask();
    // The list of one product comes in one piece. Who has an answer has been accepted.
    socket.once('data', () => {
      again.push(ask);
      socket.on('data', ask);
      openNext();
    });
    socket.on('error', (error) => {
      throw error;
    });
  };
  openNext();
}

/** How many lists were answered before the router, and by it. */
async function answersOf({ call }: ServedShop): Promise<{ ready: number; routed: number }> {
  const { text } = await call('GET /metrics');
  const sum = (name: RegExp): number =>
    text.split('\n').reduce((total, line) => total + Number(name.exec(line)?.[1] ?? 0), 0);
  return {
    ready: sum(/^souk_http_ready_answers_total (\d+)/),
    routed: sum(/^souk_http_request_seconds_count\{.*list-product.*\} (\d+)/),
  };
}

test('a crowd that always asks for lists holds up neither news nor orders', async () => {
  const settings = await newDatabase();
  const [shop, other] = [await serve(settings), await serve(settings)];
  const seller = await register(shop, 'creator');
  const buyers = await Promise.all(times(8, () => register(shop, 'viewer')));
  const [buyer] = buyers as [User];
  const leaver = await register(shop, 'viewer');
  const bell = await offer(shop, seller, STOCK);
  const line = { product_id: bell.id, quantity: 1 };
  const list = (token: string) => shop.call('GET /list-product/', { token });
  // Their connections are kept: a crowd holds up new ones.
  const atOnce = times(40, (index) => buyers[index % buyers.length] ?? buyer);
  await Promise.all([...atOnce, leaver].map(({ access }) => list(access)));
  const crowd = await openCrowd({
    port: shop.port,
    requests: times(CONNECTIONS, (index) => {
      const { access } = buyers[index % buyers.length] ?? buyer;
      return `GET /list-product/ HTTP/1.1\r\nHost: shop\r\nAuthorization: Bearer ${access}\r\n\r\n`;
    }),
  });
  try {
    const atFirst = await answersOf(shop);
    const until = Date.now() + 5_000;
    for (let left = STOCK - 1; Date.now() < until; left -= 1) {
      await ordered(other, buyer, line);
      await within(2_000, async () => {
        const { body } = await list(buyer.access);
        assert.equal(body.results[0].stock, left);
      });
    }
    const began = performance.now();
    await Promise.all(atOnce.map((one) => ordered(shop, one, line)));
    const orderMs = performance.now() - began;
    assert.ok(orderMs < 5_000, `${atOnce.length} orders took ${orderMs} ms`);
    const leaving = { token: leaver.access, body: { refresh: leaver.refresh } };
    const { status, text } = await other.call('POST /auth/logout/', leaving);
    assert.ok(status < 300, text);
    await within(2_000, async () => assert.equal((await list(leaver.access)).status, 401));
    const atLast = await answersOf(shop);
    const [ready, routed] = [atLast.ready - atFirst.ready, atLast.routed - atFirst.routed];
    assert.ok(ready > 20_000 && routed < ready / 4, `${ready} ready, ${routed} routed`);
  } finally {
    await crowd.terminate();
  }
});
