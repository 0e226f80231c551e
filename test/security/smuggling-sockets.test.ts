import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { User } from '../harness.ts';
import { newDatabase } from '../program-data.ts';
import { cleanUp, type ServedShop, serve } from '../program.ts';
import { order, within } from '../shopping.ts';
import { offer, register } from '../traffic.ts';
import { hiddenPath } from './smuggling-shapes.ts';
import { bytesOf, type Line, openLine } from './wire.ts';

// Handshakes and frames (RFC 6455) that no client library would send.

const key = 'dGhlIHNhbXBsZSBub25jZQ==';
const handshake: Record<string, string> = {
  Connection: 'Upgrade',
  Upgrade: 'websocket',
  'Sec-WebSocket-Key': key,
  'Sec-WebSocket-Version': '13',
};
let shop: ServedShop;
let buyer: User;
before(async () => {
  shop = await serve(await newDatabase());
  buyer = await register(shop, 'viewer');
});
after(cleanUp);

const requestOf = (headers: Record<string, string>, method = 'GET'): Buffer =>
  bytesOf({ method, path: `/ws/notifications/${buyer.access}/`, headers });

/** The status of the first answer to these bytes; the connection must be ended after it. */
async function statusOf(bytes: Buffer): Promise<number> {
  const line = await openLine(shop.port);
  line.send(bytes);
  const answers = await line.answers();
  line.socket.destroy();
  assert.equal(answers.length, 1);
  return answers[0]?.status ?? 0;
}

test('a handshake that is not one is refused, and its connection ended', async () => {
  const hidden = `GET ${hiddenPath} HTTP/1.1\r\nHost: a\r\n\r\n`;
  const cases: [string, Record<string, string>, number][] = [
    ['no key', { 'Sec-WebSocket-Key': '' }, 400],
    ['a short key', { 'Sec-WebSocket-Key': 'x' }, 400],
    ['a key twice', { 'sec-websocket-key': key }, 400],
    ['a version of the past', { 'Sec-WebSocket-Version': '7' }, 400],
    ['a version of the future', { 'Sec-WebSocket-Version': '99' }, 400],
    ['no version', { 'Sec-WebSocket-Version': '' }, 400],
    ['a version twice', { 'sec-websocket-version': '13' }, 400],
    ['a protocol twice', { 'Sec-WebSocket-Protocol': 'a, a' }, 400],
    ['a protocol that is none', { 'Sec-WebSocket-Protocol': 'a b' }, 400],
    ['a host twice', { host: 'b.test' }, 400],
    ['a body', { 'Content-Length': String(hidden.length) }, 400],
    ['a body in chunks', { 'Transfer-Encoding': 'chunked' }, 400],
  ];
  for (const [name, headers, status] of cases) {
    const bytes = requestOf({ ...handshake, ...headers });
    assert.equal(await statusOf(Buffer.concat([bytes, Buffer.from(hidden)])), status, name);
  }
  assert.equal(await statusOf(requestOf(handshake, 'POST')), 405);
  const elsewhere = bytesOf({ method: 'GET', path: '/ws/nowhere/', headers: handshake });
  assert.equal(await statusOf(Buffer.concat([elsewhere, Buffer.from(hidden)])), 404);
});

test('without Connection: Upgrade it is a request like others', async () => {
  const line = await openLine(shop.port);
  line.send(requestOf({ ...handshake, Connection: 'close' }));
  assert.deepEqual(
    (await line.answers()).map(({ status }) => status),
    [404],
  );
  line.socket.destroy();
});

/** A frame; masked with noughts, which leave the payload as it is, unless it is to be wrong. */
function frame(first: number, payload: Buffer, isMasked = true): Buffer {
  const { length } = payload;
  const mask = isMasked ? 0x80 : 0;
  const size = Buffer.alloc(length < 126 ? 1 : 3);
  size[0] = mask | (length < 126 ? length : 126);
  if (length >= 126) size.writeUInt16BE(length, 1);
  return Buffer.concat([Buffer.of(first), size, Buffer.alloc(isMasked ? 4 : 0), payload]);
}

const [text, ping, close, final] = [1, 9, 8, 0x80];
const nothing = Buffer.alloc(0);

async function openSocket(first: Buffer = nothing): Promise<Line> {
  const line = await openLine(shop.port);
  line.send(Buffer.concat([requestOf(handshake), first]));
  assert.equal((await line.answer())?.status, 101);
  return line;
}

/** The code of the close frame that the bytes lead to. */
async function closeCodeOf(bytes: Buffer): Promise<number> {
  const line = await openSocket();
  line.send(bytes);
  await within(3_000, async () => assert.ok(line.hasEnded(), 'stays open'));
  const received = line.unread();
  line.socket.destroy();
  assert.equal(received[0], final | close, received.toString('hex'));
  return received.readUInt16BE(2);
}

test('frames that break the rules end the socket, with the code that says which', async () => {
  const large = Buffer.alloc(5_000, 'x');
  const hugeLength = Buffer.from('81ff7fffffffffffffff00000000', 'hex');
  const closing = (code: number): Buffer => {
    const payload = Buffer.alloc(2);
    payload.writeUInt16BE(code);
    return frame(final | close, payload);
  };
  const cases: [string, Buffer, number][] = [
    ['not masked', frame(final | text, Buffer.from('x'), false), 1002],
    ['a reserved bit', frame(final | 0x40 | text, Buffer.from('x')), 1002],
    ['all reserved bits', frame(final | 0x70 | text, Buffer.from('x')), 1002],
    ['a reserved opcode', frame(final | 3, nothing), 1002],
    ['a continuation of nothing', frame(final, nothing), 1002],
    [
      'a text in a text',
      Buffer.concat([frame(text, large.subarray(9)), frame(text, nothing)]),
      1009,
    ],
    [
      'a new text before the end',
      Buffer.concat([frame(text, nothing), frame(text, nothing)]),
      1002,
    ],
    ['half a ping', frame(ping, nothing), 1002],
    ['a ping of 126', frame(final | ping, large.subarray(0, 126)), 1002],
    ['a message of 5 KB', frame(final | text, large), 1009],
    [
      '5 KB in parts',
      Buffer.concat([1, 0, 0, 0, 0].map((one) => frame(one, large.subarray(0, 1_000)))),
      1009,
    ],
    ['a length of 2^63', hugeLength, 1009],
    ['text that is not UTF-8', frame(final | text, Buffer.of(0xc3, 0x28)), 1007],
    ['half a surrogate', frame(final | text, Buffer.of(0xed, 0xa0, 0x80)), 1007],
    ['a close of one byte', frame(final | close, Buffer.of(3)), 1002],
    ['a close with a code that none may send', closing(1005), 1002],
    ['a close with a code of nobody', closing(999), 1002],
    ['a request', Buffer.from(`GET ${hiddenPath} HTTP/1.1\r\nHost: a\r\n\r\n`), 1002],
    ['a close', closing(1000), 1000],
  ];
  const wrong: string[] = [];
  for (const [name, bytes, expected] of cases) {
    const code = await closeCodeOf(bytes);
    if (code !== expected) wrong.push(`${name}: ${code} instead of ${expected}`);
  }
  assert.deepEqual(wrong, []);
});

test('frames that come with the handshake are read after it', async () => {
  const line = await openSocket(frame(final | ping, Buffer.from('early')));
  await within(2_000, async () => assert.ok(line.unread().includes('early')));
  line.socket.destroy();
});

test('any number of messages is borne, and events still come', async () => {
  const line = await openSocket();
  const some = Buffer.concat(Array(100).fill(frame(final | text, Buffer.from('x'))));
  for (let count = 0; count < 200; count += 1) line.send(some);
  const { id } = await offer(shop, await register(shop, 'creator'), 1);
  assert.equal((await order(shop as never, buyer, [{ product_id: id }])).status, 201);
  await within(3_000, async () => assert.ok(line.unread().includes('order.placed')));
  line.socket.destroy();
});

test('pings of a client that never reads end its socket, and cost nothing', async () => {
  const before = await megabytes();
  const line = await openSocket();
  line.socket.pause();
  const pings = Buffer.concat(Array(500).fill(frame(final | ping, Buffer.alloc(125))));
  for (let count = 0; count < 1_000 && !line.hasEnded(); count += 1) {
    line.send(pings);
    if (count % 20 === 0) assert.equal((await shop.call('GET /healthz')).status, 200);
  }
  const growth = (await megabytes()) - before;
  assert.ok(line.hasEnded());
  assert.ok(growth < 40, `grew by ${growth.toFixed(0)} MB`);
});

async function megabytes(): Promise<number> {
  const { text: metrics } = await shop.call('GET /metrics');
  return Number(/^process_resident_memory_bytes (\S+)/m.exec(metrics)?.[1]) / 1024 ** 2;
}

test('the server is well after all of it', async () => {
  const { status } = await shop.call('GET /readyz');
  assert.deepEqual([status, /Warning|"level":50/.test(shop.output())], [200, false], shop.output());
});
