import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openShop, type TestShop } from '../harness.ts';
import { addToCart, cartOf, moved, orderCart, ordersOf, setStatus, stockOf } from '../shopping.ts';

let shop: TestShop;
before(async () => (shop = await openShop()));
after(() => shop.close());

test('one cart of two sellers becomes two orders, and each seller sends its own', async () => {
  const [buyer, smith, potter] = [await shop.buyer(), await shop.seller(), await shop.seller()];
  const bell = await shop.product(smith, { name: 'Bell', price: 19.99, stock: 5 });
  const gong = await shop.product(smith, { name: 'Gong', price: 120, stock: 1 });
  const vase = await shop.product(potter, { name: 'Vase', price: 35.5, stock: 3 });
  const path = (access: string) => `/ws/notifications/${access}/?after=0`;
  const sockets = {
    buyer: await shop.socket(path(buyer.access)),
    smith: await shop.socket(path(smith.access)),
    potter: await shop.socket(path(potter.access)),
  };

  await addToCart(shop, buyer, { product_id: bell.id, quantity: 2 });
  await addToCart(shop, buyer, { product_id: vase.id, quantity: 2 });
  const cart = await addToCart(shop, buyer, { product_id: gong.id });
  assert.equal(cart.body.total_price, 230.98);
  const placed = await orderCart(shop, buyer);
  const [ofSmith, ofPotter] = placed.body.order_ids;
  assert.deepEqual(placed.body, {
    message: 'Order placed successfully',
    order_id: ofSmith,
    order_ids: [ofSmith, ofPotter],
  });
  assert.deepEqual(await cartOf(shop, buyer), []);
  const stocks = await Promise.all([bell, gong, vase].map((product) => stockOf(shop, product)));
  assert.deepEqual(stocks, [3, 0, 1]);

  const foreign = await setStatus(shop, potter, { order_id: ofSmith, status: 'shipped' });
  assert.deepEqual([foreign.status, foreign.body], [404, { error: 'Order not found' }]);
  await moved(shop, potter, { id: ofPotter, to: ['shipped', 'delivered'] });
  await moved(shop, smith, { id: ofSmith, to: ['shipped'] });

  const orders = await ordersOf(shop, buyer);
  assert.deepEqual(
    new Map(orders.map(({ id, status, total_price }) => [id, [status, total_price]])),
    new Map([
      [ofPotter, ['delivered', 71]],
      [ofSmith, ['shipped', 159.98]],
    ]),
  );
  const told = await sockets.buyer.receive(5);
  assert.deepEqual(
    told.map(({ offset, order_id, status }) => [offset, order_id, status]),
    [
      [1, ofSmith, 'pending'],
      [2, ofPotter, 'pending'],
      [3, ofPotter, 'shipped'],
      [4, ofPotter, 'delivered'],
      [5, ofSmith, 'shipped'],
    ],
  );
  for (const [socket, id] of [
    [sockets.smith, ofSmith],
    [sockets.potter, ofPotter],
  ] as const) {
    const [sale] = await socket.receive(1);
    assert.deepEqual([sale.offset, sale.type, sale.order_id], [1, 'order.placed', id]);
    assert.equal(socket.messages.length, 1);
  }
  for (const socket of Object.values(sockets)) await socket.close();
  assert.deepEqual(await shop.violations(), []);
});

test('when one seller cannot deliver, neither order is placed and nobody is told', async () => {
  const [buyer, smith, potter] = [await shop.buyer(), await shop.seller(), await shop.seller()];
  const bell = await shop.product(smith, { stock: 5 });
  const vase = await shop.product(potter, { name: 'Vase', stock: 1 });
  await addToCart(shop, buyer, { product_id: bell.id });
  await addToCart(shop, buyer, { product_id: vase.id });
  const sold = await orderCart(shop, await fill(vase.id));
  assert.equal(sold.status, 201);

  const refused = await orderCart(shop, buyer);
  assert.equal(refused.status, 400);
  assert.deepEqual(refused.body, { error: 'Insufficient stock for product Vase' });
  assert.deepEqual(await ordersOf(shop, buyer), []);
  assert.equal(await stockOf(shop, bell), 5);
  assert.deepEqual(await cartOf(shop, buyer), [
    [bell.id, 1],
    [vase.id, 1],
  ]);
  const socket = await shop.socket(`/ws/notifications/${buyer.access}/?after=0`);
  await shop.call(`DELETE /cart/?product_id=${vase.id}`, { token: buyer.access });
  const { body } = await orderCart(shop, buyer);
  const [first] = await socket.receive(1);
  assert.deepEqual([first.offset, first.order_id], [1, body.order_id]);
  await socket.close();
  assert.deepEqual(await shop.violations(), []);
});

/** Another buyer with one of the product in its cart. */
async function fill(product_id: string) {
  const buyer = await shop.buyer();
  await addToCart(shop, buyer, { product_id });
  return buyer;
}
