import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { User } from '../harness.ts';
import { newDatabase } from '../program-data.ts';
import { cleanUp, type ServedShop, serve } from '../program.ts';
import { within } from '../shopping.ts';
import { offer, register } from '../traffic.ts';
import { innocent, isFull, megabytes, openFiles, openLines, quantile } from './hostile-clients.ts';
import { bytesOf, type Line, openLine } from './wire.ts';

// Clients that are slow, silent or half gone: none of them may cost the others anything.

let shop: ServedShop;
let buyer: User;
let seller: User;
before(async () => {
  shop = await serve(await newDatabase());
  [buyer, seller] = [await register(shop, 'viewer'), await register(shop, 'creator')];
  for (let count = 0; count < 100; count += 1) await offer(shop, seller, 1_000);
});
after(cleanUp);

const authorization = (): Record<string, string> => ({ Authorization: `Bearer ${buyer.access}` });
const destroy = (lines: Line[]): void => {
  for (const { socket } of lines) socket.destroy();
};
const spareFiles = 15; // the pool of connections to the database grows while it works
/** An innocent client's worst case; the machine of the tests is busy with the tests. */
const innocentMs = 1_000;

test('clients that send a byte a second keep nobody waiting, and are cut off', async (context) => {
  const count = 200;
  const seconds = isFull ? 40 : 2;
  const slow = await openLines(shop.port, count);
  const head = Buffer.from(`GET /list-product/ HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(500)}`);
  const body = bytesOf({
    method: 'POST',
    path: '/auth/login/',
    headers: { 'Content-Type': 'application/json', 'Content-Length': '5000' },
  });
  for (const [index, line] of slow.entries()) if (index % 2 === 0) line.send(body);
  const usual = innocent(shop, buyer.access);
  let sent = 0;
  for (; sent < seconds && slow.some((line) => !line.hasEnded()); sent += 1) {
    for (const [index, line] of slow.entries()) {
      line.send(index % 2 === 0 ? ' ' : head.subarray(sent, sent + 1));
    }
    await sleep(1_000);
  }
  const times = await usual.stop();
  const ended = slow.filter((line) => line.hasEnded()).length;
  destroy(slow);
  context.diagnostic(
    `innocent: ${times.length} requests, median ${quantile(times, 0.5).toFixed(1)} ms, ` +
      `p99 ${quantile(times, 0.99).toFixed(1)} ms; ${ended} of ${count} cut off by ${sent} s`,
  );
  assert.ok(quantile(times, 0.99) <= innocentMs, `p99 ${quantile(times, 0.99)} ms`);
  if (isFull) assert.equal(ended, count);
});

test('connections that send nothing are borne, and cut off', async (context) => {
  const silent = await openLines(shop.port, 200);
  const usual = innocent(shop, buyer.access);
  const began = Date.now();
  const patienceMs = isFull ? 40_000 : 300;
  while (Date.now() - began < patienceMs && silent.some((line) => !line.hasEnded())) {
    await sleep(100);
  }
  const times = await usual.stop();
  const ended = silent.filter((line) => line.hasEnded()).length;
  destroy(silent);
  context.diagnostic(`${ended} of 200 cut off in ${Date.now() - began} ms`);
  assert.ok(quantile(times, 0.99) <= innocentMs);
  if (isFull) assert.equal(ended, 200);
});

test('a client that has closed its side is answered, and then gone', async () => {
  const before = await openFiles(shop);
  const lines = await openLines(shop.port, 50);
  const upgrade = { Connection: 'Upgrade', Upgrade: 'websocket' };
  const halfJson = { 'Content-Type': 'application/json', 'Content-Length': '9' };
  const requests = [
    bytesOf({ method: 'GET', path: '/list-product/', headers: authorization() }),
    bytesOf({ method: 'GET', path: '/healthz' }),
    Buffer.from('nonsense\r\n\r\n'),
    bytesOf({ method: 'POST', path: '/auth/login/', headers: halfJson, body: '{' }),
    bytesOf({ method: 'GET', path: '/ws/nowhere/', headers: upgrade }),
  ];
  const expected = [200, 200, 400, 400, 404];
  for (const [index, line] of lines.entries()) line.socket.end(requests[index % 5] ?? '');
  for (const [index, line] of lines.entries()) {
    const [answer] = await line.answers();
    assert.equal(answer?.status, expected[index % 5]);
  }
  await within(5_000, async () => assert.ok((await openFiles(shop)) <= before + spareFiles));
  destroy(lines);
});

test('a refused client that never closes its side is gone too', async () => {
  const before = await openFiles(shop);
  const lines = await openLines(shop.port, 50);
  const upgrade = { Connection: 'Upgrade', Upgrade: 'websocket' };
  const elsewhere = bytesOf({ method: 'GET', path: '/ws/nowhere/', headers: upgrade });
  const requests = [elsewhere, Buffer.from('nonsense\r\n\r\n')];
  for (const [index, line] of lines.entries()) line.send(requests[index % 2] ?? '');
  await within(5_000, async () => assert.ok((await openFiles(shop)) <= before + spareFiles));
  destroy(lines);
});

test('answers that nobody reads are not kept, and many clients cannot crowd', async (context) => {
  const [before, count] = [await megabytes(shop), isFull ? 100 : 20];
  const request = bytesOf({
    method: 'GET',
    path: '/list-product/?page_size=100',
    headers: authorization(),
  });
  const usual = innocent(shop, buyer.access);
  for (const asked of [100, 3_000]) {
    const lines = await openLines(shop.port, count);
    for (const line of lines) {
      line.socket.pause();
      line.send(Buffer.concat(Array<Buffer>(asked).fill(request)));
    }
    await sleep(isFull ? 10_000 : 700);
    const growth = (await megabytes(shop)) - before;
    context.diagnostic(`${count} clients ask for ${asked} pages: ${growth.toFixed(0)} MB more`);
    assert.ok(growth <= 200, `grew by ${growth.toFixed(0)} MB`);
    destroy(lines);
  }
  const times = await usual.stop();
  const [p90, worst] = [quantile(times, 0.9), quantile(times, 1)];
  context.diagnostic(`innocent: p90 ${p90.toFixed(1)} ms, worst ${worst.toFixed(1)} ms`);
  assert.ok(p90 <= innocentMs, `p90 ${p90} ms`);
});

test('a client that sends too many requests ahead is cut off', async () => {
  for (const [count, expected] of [
    [100, 100],
    [1_000, 0],
  ] as const) {
    const line = await openLine(shop.port);
    line.send('GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(count));
    let answered = 0;
    while (answered < count && (await line.answer()) !== undefined) answered += 1;
    assert.equal(answered, expected);
    line.socket.destroy();
  }
});

test('uploads that break off leave nothing behind', async () => {
  const [files, memory] = [await openFiles(shop), await megabytes(shop)];
  const part = '--b\r\nContent-Disposition: form-data; name="name"\r\n\r\n';
  const bodies: [type: string, body: string][] = [
    ['application/json', `{"name":"${'x'.repeat(300_000)}`],
    ['application/x-www-form-urlencoded', `name=${'x'.repeat(300_000)}`],
    ['multipart/form-data; boundary=b', `${part}${'x'.repeat(300_000)}`],
  ];
  for (let round = 0; round < (isFull ? 200 : 20); round += 1) {
    for (const [type, body] of bodies) {
      const line = await openLine(shop.port);
      const headers = {
        Authorization: `Bearer ${seller.access}`,
        'Content-Type': type,
        'Content-Length': '900000',
      };
      line.send(bytesOf({ method: 'POST', path: '/category/', headers, body }));
      await sleep(5);
      line.socket.resetAndDestroy();
    }
  }
  await within(5_000, async () => assert.ok((await openFiles(shop)) <= files + spareFiles));
  const growth = (await megabytes(shop)) - memory;
  assert.ok(growth <= 100, `grew by ${growth.toFixed(0)} MB`);
});

test('the server is well after all of it', async () => {
  const { status } = await shop.call('GET /readyz');
  assert.deepEqual([status, /Warning|"level":50/.test(shop.output())], [200, false], shop.output());
});
