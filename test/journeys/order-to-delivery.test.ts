import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openShop, type TestShop } from '../harness.ts';

let shop: TestShop;
before(async () => (shop = await openShop()));
after(() => shop.close());

test('from registration to delivery, with both sides told as it happens', async () => {
  const [buyer, seller] = [await shop.buyer(), await shop.seller()];
  const bell = await shop.product(seller, { price: 19.99, stock: 5 });
  const buyerSocket = await shop.socket(`/ws/notifications/${buyer.access}/`);
  const sellerSocket = await shop.socket(`/ws/notifications/?token=${seller.access}`);

  const cart = await shop.call('POST /cart/', {
    token: buyer.access,
    body: { product_id: bell.id, quantity: 2 },
  });
  assert.equal(cart.status, 201);
  assert.equal(cart.body.total_price, 39.98);

  const placed = await shop.call('POST /place-order/', { token: buyer.access });
  assert.equal(placed.status, 201);
  const orderId: string = placed.body.order_id;
  assert.deepEqual(placed.body, {
    message: 'Order placed successfully',
    order_id: orderId,
    order_ids: [orderId],
  });

  for (const status of ['shipped', 'delivered']) {
    const moved = await shop.call('PATCH /update-order-status/', {
      token: seller.access,
      body: { order_id: orderId, status },
    });
    assert.deepEqual(moved.body, { message: `Order status updated to ${status}` });
  }

  const told = await buyerSocket.receive(3);
  assert.deepEqual(
    told.map(({ offset, type, status, order_id }) => ({ offset, type, status, order_id })),
    [
      { offset: 1, type: 'order.placed', status: 'pending', order_id: orderId },
      { offset: 2, type: 'order.status_updated', status: 'shipped', order_id: orderId },
      { offset: 3, type: 'order.status_updated', status: 'delivered', order_id: orderId },
    ],
  );
  assert.equal(told[1].message, `Your order ${orderId} is now shipped`);
  const [sale] = await sellerSocket.receive(1);
  assert.equal(sale.type, 'order.placed');
  assert.equal(sale.order_id, orderId);

  const orders = await shop.call('GET /list-user-order/', { token: buyer.access });
  assert.equal(orders.body.count, 1);
  assert.equal(orders.body.results[0].status, 'delivered');
  const list = await shop.call('GET /list-product/', { token: buyer.access });
  assert.equal(list.body.results[0].stock, 3);
  const emptied = await shop.call('GET /cart/', { token: buyer.access });
  assert.deepEqual(emptied.body, { items: [], total_items: 0, total_price: 0 });
  await Promise.all([buyerSocket.close(), sellerSocket.close()]);
  assert.deepEqual(await shop.violations(), []);
});
