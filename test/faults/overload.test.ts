import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { shedOrders } from '../../src/features/classic/shed-orders.ts';
import { CheckoutQueue } from '../../src/features/orders/checkout-queue.ts';
import { openServer } from '../../src/kernel/http-server.ts';
import { limits } from '../../src/kernel/limits.ts';
import { type Json, openShop, type TestShop, type User } from '../harness.ts';
import { HeldLock } from '../held-lock.ts';
import { stockOf, times } from '../shopping.ts';

let shop: TestShop;
let buyer: User;
let bell: Json;
before(async () => {
  shop = await openShop({}, { patient: true });
  buyer = await shop.buyer();
  bell = await shop.product(await shop.seller(), { stock: 10_000 });
});
after(() => shop.close());

/** The server below the router, with a queue that the test can fill; all else is routed. */
async function openDoor(queue: CheckoutQueue) {
  const server = openServer((_, response) => void response.end('routed'), {
    find: shedOrders(queue, shop.context.metrics),
    headers: ['x-content-type-options', 'nosniff'],
    requestId: () => 'mine-1234',
    count: () => undefined,
    hasCors: false,
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { server, url: `http://127.0.0.1:${port}` };
}

test('while too many orders wait, more are refused before they are read', async (t) => {
  const queue = new CheckoutQueue(shop.context);
  const { server, url } = await openDoor(queue);
  t.after(() => server.close());
  const ask = async (path: string, method = 'POST') => {
    const body = method === 'POST' ? JSON.stringify({ products: 'x'.repeat(100_000) }) : null;
    const answer = await fetch(url + path, { method, body });
    return { status: answer.status, text: await answer.text(), headers: answer.headers };
  };
  const lock = await HeldLock.take(
    shop.databaseUrl,
    `SELECT FROM products WHERE id = '${bell.id}' FOR UPDATE`,
  );
  assert.equal((await ask('/place-order/')).text, 'routed');
  const checkout = { buyerId: buyer.id, lines: [{ productId: bell.id, quantity: 1 }] };
  const count = limits.checkoutQueueOrders + limits.checkoutBatchOrders;
  const placing = times(count, () => queue.place({ ...checkout, claim: undefined }));
  const placed = Promise.allSettled(placing);
  assert.ok(queue.isFull);
  for (const path of ['/place-order/', '/place-order', '/app/place-order/?x=1']) {
    const { status, text, headers } = await ask(path);
    assert.equal(status, 503);
    assert.deepEqual(JSON.parse(text), {
      detail: 'Too many orders at once. Try again in a moment.',
    });
    assert.equal(headers.get('retry-after'), '1');
    assert.equal(headers.get('x-content-type-options'), 'nosniff');
    assert.equal(headers.get('x-request-id'), 'mine-1234');
  }
  for (const path of ['/cart/', '/place-order/x', '/auth/login/?/place-order/']) {
    assert.equal((await ask(path)).text, 'routed', path);
  }
  assert.equal((await ask('/place-order/', 'GET')).text, 'routed');
  await lock.release();
  const accepted = (await placed).filter(({ status }) => status === 'fulfilled').length;
  assert.ok(accepted >= limits.checkoutQueueOrders - limits.checkoutBatchOrders, `${accepted}`);
  assert.equal(await stockOf(shop, bell), 10_000 - accepted);
  assert.ok(!queue.isFull);
  assert.equal((await ask('/place-order/')).text, 'routed');
});
