import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import type { Json, User } from '../harness.ts';
import { newDatabase, query } from '../program-data.ts';
import { cleanUp, type ServedShop, serve } from '../program.ts';
import { order, within } from '../shopping.ts';
import type { TestSocket } from '../socket.ts';
import { offer, register } from '../traffic.ts';
import { innocent, isFull, megabytes, quantile } from './hostile-clients.ts';

// Sockets that never read, while much happens. HOSTILE=full: 100 of them, and 10,000 events.

const sellers = isFull ? 100 : 50; // an order each: so many events to one checkout
const checkouts = isFull ? 100 : 40;
const events = sellers * checkouts;
const buyers = isFull ? 2 : 1;
const socketsOfEach = isFull ? 50 : 20;

let shop: ServedShop;
let databaseUrl: string;
let stalled: User[];
let bystander: User;
let lines: { product_id: string }[];
before(async () => {
  const database = await newDatabase();
  databaseUrl = database.DATABASE_URL;
  shop = await serve(database);
  stalled = await Promise.all(Array.from({ length: buyers }, () => register(shop, 'viewer')));
  bystander = await register(shop, 'viewer');
  lines = [];
  for (let count = 0; count < sellers; count += 1) {
    const { id } = await offer(shop, await register(shop, 'creator'), 1_000_000);
    lines.push({ product_id: id });
  }
});
after(cleanUp);

const pathOf = (user: User, after?: number): string =>
  `/ws/notifications/?token=${user.access}${after === undefined ? '' : `&after=${after}`}`;

/** A socket that reads nothing from its first byte on. */
async function openStalled(user: User, after?: number): Promise<WebSocket> {
  const raw = new WebSocket(`ws://127.0.0.1:${shop.port}${pathOf(user, after)}`);
  raw.on('error', () => undefined);
  await once(raw, 'open');
  raw.pause();
  return raw;
}

/** Orders of everything, one after the other; the bystander's among them are timed. */
async function makeEvents(socket: TestSocket): Promise<number[]> {
  const delays: number[] = [];
  await Promise.all(
    stalled.map(async (buyer) => {
      for (let count = 0; count < checkouts; count += 1) {
        assert.equal((await order(shop as never, buyer, lines)).status, 201);
      }
    }),
  );
  for (let count = 1; count <= 20; count += 1) {
    assert.equal((await order(shop as never, bystander, lines.slice(0, 1))).status, 201);
    const began = performance.now();
    await socket.receive(count);
    delays.push(performance.now() - began);
  }
  return delays.toSorted((a, b) => a - b);
}

test('sockets that never read cost little and harm nobody', async (context) => {
  const socket = await shop.socket(pathOf(bystander));
  const sockets: WebSocket[] = [];
  for (const user of stalled) {
    for (let count = 0; count < socketsOfEach; count += 1) sockets.push(await openStalled(user));
  }
  const before = await megabytes(shop);
  const usual = innocent(shop, bystander.access);
  const began = Date.now();
  const delays = await makeEvents(socket);
  const seconds = (Date.now() - began) / 1000;
  const times = await usual.stop();
  const growth = (await megabytes(shop)) - before;
  context.diagnostic(
    `${sockets.length} sockets that never read, ${events} events to each in ` +
      `${seconds.toFixed(1)} s: ${growth.toFixed(0)} MB; others: notified in ` +
      `${quantile(delays, 0.5).toFixed(0)} ms (worst ${quantile(delays, 1).toFixed(0)}), ` +
      `lists in ${quantile(times, 0.5).toFixed(0)} ms (p99 ${quantile(times, 0.99).toFixed(0)})`,
  );
  assert.ok(growth <= 150, `grew by ${growth.toFixed(0)} MB`);
  assert.ok(quantile(delays, 0.5) <= 1_000, `notified after ${quantile(delays, 0.5)} ms`);
  assert.ok(quantile(times, 0.99) <= 1_000, `p99 ${quantile(times, 0.99)} ms`);
  await socket.close();
  for (const raw of sockets) raw.terminate();
});

test('one that reads on in time hears that it was too slow, and resumes', async (context) => {
  const [user] = stalled;
  assert.ok(user);
  // More than the buffers of both systems take: the server feels that nobody reads.
  await query(databaseUrl, `UPDATE notifications SET message = rpad(message, 5000, '.')`);
  const silent = await Promise.all(Array.from({ length: 12 }, () => openStalled(user, 0)));
  const outcomes: (number | string)[] = [];
  // The server says so ten seconds after it felt it, which on a busy machine may be late.
  for (const from of [10_500, 14_000, 19_000]) {
    const tries = Array.from({ length: 6 }, (_, index) => readOnAfter(user, from + index * 600));
    outcomes.push(...(await Promise.all(tries)));
    if (outcomes.includes(4008)) break;
  }
  context.diagnostic(`closed with ${outcomes.join(', ')}`);
  assert.ok(outcomes.includes(4008), `closed with ${outcomes.join(', ')}`);
  // Those that never read are cut off: ten seconds, and two more to say so.
  await within(15_000, async () => {
    const { text } = await shop.call('GET /metrics');
    assert.equal(/^souk_sockets (\d+)$/m.exec(text)?.[1], '0');
  });
  for (const raw of silent) raw.terminate();
});

/** A socket that reads nothing for so long; what it is closed with. It misses nothing. */
async function readOnAfter(user: User, ms: number): Promise<number | string> {
  const raw = await openStalled(user, 0);
  const offsets: number[] = [];
  raw.on('message', (data: Buffer) => offsets.push(parse(data).offset));
  const closed = once(raw, 'close');
  await sleep(ms);
  raw.resume();
  // Cut or closed, or so early that it is given all.
  const all = sleep(3_000, ['open'], { ref: false });
  const [code] = (await Promise.race([closed, all])) as [number | string];
  raw.terminate();
  const last = offsets.at(-1) ?? 0;
  const resumed = await shop.socket(pathOf(user, last));
  if (last < events) await resumed.receive(events - last, 15_000);
  const seen = [...offsets, ...resumed.messages.map(({ offset }) => offset)];
  assert.ok(seen.length === events && seen.every((offset, place) => offset === place + 1));
  await resumed.close();
  return code;
}

const parse = (data: Buffer): Json => JSON.parse(data.toString());
