import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { limits } from '../../src/kernel/limits.ts';
import { newDatabase } from '../program-data.ts';
import { cleanUp, type ServedShop, serve } from '../program.ts';
import { within } from '../shopping.ts';
import { isFull, openFiles } from './hostile-clients.ts';

let shop: ServedShop;
before(async () => {
  shop = await serve(await newDatabase());
});
after(cleanUp);

const head = 'HTTP/1.1\r\nHost: shop.example\r\n';
const last = {
  'a WebSocket handshake':
    `GET /ws/notifications/ ${head}Connection: Upgrade\r\nUpgrade: websocket\r\n` +
    'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  'an offer of another protocol': `GET /healthz ${head}Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n`,
  'bytes that are no request': 'no request\r\n\r\n',
};
const skip = isFull ? false : 'SKIPPED: takes over a minute; run with HOSTILE=full';

for (const [what, bytes] of Object.entries(last)) {
  test(`${what} behind answers that nobody takes does not keep the connection`, {
    skip,
  }, async () => {
    const filesBefore = await openFiles(shop);
    const sockets = Array.from({ length: 20 }, () => {
      const socket = connect(shop.port, '127.0.0.1').pause();
      socket.on('error', () => undefined);
      socket.write(`GET /openapi.json ${head}\r\n`.repeat(limits.requestsAhead - 5) + bytes);
      return socket;
    });
    await within(5_000, async () => assert.ok((await openFiles(shop)) >= filesBefore + 20));
    await within(limits.stalledConnectionMs + 15_000, async () =>
      assert.ok((await openFiles(shop)) <= filesBefore + 2),
    );
    for (const socket of sockets) socket.destroy();
  });
}
