import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { WebSocket, WebSocketServer } from 'ws';
import { textFrame } from './text-frame.ts';

test('a client reads texts of every length as they were', async (context) => {
  const texts = [0, 1, 125, 126, 127, 65_535, 65_536, 200_000].map((length) => 'x'.repeat(length));
  texts.push('ünï ☕ 🛒', '☕'.repeat(42), '🛒'.repeat(40_000)); // 126 bytes; more than they look
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  context.after(() => server.close());
  server.on('connection', (socket, { socket: stream }) => {
    for (const text of texts) stream.write(textFrame(text));
    socket.close(1000);
  });
  await once(server, 'listening');
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const received: string[] = [];
  client.on('message', (data: Buffer, isBinary) => received.push(isBinary ? '?' : String(data)));
  const [code] = await once(client, 'close');
  assert.equal(code, 1000);
  assert.deepEqual(received, texts);
});
