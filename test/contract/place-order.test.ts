import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { sql } from '../../src/kernel/db.ts';
import { type Json, openShop, type TestShop, type User } from '../harness.ts';
import { addToCart, cartOf, order, orderCart, ordered, ordersOf, stockOf } from '../shopping.ts';
import { times } from '../shopping.ts';

let shop: TestShop;
let seller: User;
before(async () => {
  shop = await openShop();
  seller = await shop.seller();
});
after(() => shop.close());
afterEach(async () => assert.deepEqual(await shop.violations(), []));

const product = (fields: Record<string, unknown> = {}): Promise<Json> =>
  shop.product(seller, fields);

/** Product ids, quantities and prices of an order's lines. */
const linesOf = ({ items }: Json): [string, number, number][] =>
  items.map((item: Json) => [item.product.id, item.quantity, item.price]);

for (const [what, body, raw] of [
  ['no body', undefined, undefined],
  ['an empty JSON body', undefined, ''],
  ['an empty object', {}, undefined],
  ['keys that mean nothing here', { total_price: 1, status: 'delivered' }, undefined],
] as const) {
  test(`with ${what} the cart is ordered, and emptied`, async () => {
    const buyer = await shop.buyer();
    const [bell, lamp] = [await product({ price: 19.99 }), await product({ price: 5, stock: 4 })];
    await addToCart(shop, buyer, { product_id: lamp.id, quantity: 4 });
    await addToCart(shop, buyer, { product_id: bell.id, quantity: 2 });
    const headers: Record<string, string> =
      raw === undefined ? {} : { 'content-type': 'application/json' };
    const options = raw === undefined ? { body } : { raw, headers };
    const placed = await shop.call('POST /place-order/', { token: buyer.access, ...options });
    assert.equal(placed.status, 201);
    const id = placed.body.order_id;
    assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.deepEqual(placed.body, {
      message: 'Order placed successfully',
      order_id: id,
      order_ids: [id],
    });
    assert.deepEqual(await cartOf(shop, buyer), []);
    const [placedOrder] = await ordersOf(shop, buyer);
    assert.deepEqual(linesOf(placedOrder), [
      [lamp.id, 4, 5],
      [bell.id, 2, 19.99],
    ]);
    assert.equal(placedOrder.total_price, 59.98);
    assert.deepEqual([await stockOf(shop, bell), await stockOf(shop, lamp)], [8, 0]);
  });
}

test('with products those are ordered, and the cart is left alone', async () => {
  const buyer = await shop.buyer();
  const [bell, lamp] = [await product(), await product({ price: 5 })];
  await addToCart(shop, buyer, { product_id: bell.id, quantity: 3 });
  const placed = await order(shop, buyer, [
    { product_id: lamp.id, quantity: 2 },
    { product_id: bell.id },
  ]);
  assert.equal(placed.status, 201);
  assert.deepEqual(placed.body, {
    message: 'Order placed successfully',
    order_id: placed.body.order_id,
    order_ids: [placed.body.order_id],
  });
  assert.deepEqual(await cartOf(shop, buyer), [[bell.id, 3]]);
  const [placedOrder] = await ordersOf(shop, buyer);
  assert.equal(placedOrder.id, placed.body.order_id);
  assert.deepEqual(linesOf(placedOrder), [
    [lamp.id, 2, 5],
    [bell.id, 1, 19.99],
  ]);
  assert.deepEqual([await stockOf(shop, bell), await stockOf(shop, lamp)], [9, 8]);
});

for (const [quantity, counts] of [
  [undefined, 1],
  [1, 1],
  ['2', 2],
  ['2.0', 2],
  [3.0, 3],
  ['10000', 10_000],
  [10_000, 10_000],
] as const) {
  test(`a quantity of ${JSON.stringify(quantity)} counts as ${counts}`, async () => {
    const [buyer, nail] = [await shop.buyer(), await product({ price: 0.07, stock: 20_000 })];
    await ordered(shop, buyer, { product_id: nail.id, quantity });
    assert.equal(await stockOf(shop, nail), 20_000 - counts);
    const [{ total_price }] = await ordersOf(shop, buyer);
    assert.equal(total_price, (7 * counts) / 100);
  });
}

test('the same product twice adds up to one line', async () => {
  const [buyer, bell, lamp] = [await shop.buyer(), await product(), await product({ price: 5 })];
  await ordered(
    shop,
    buyer,
    { product_id: bell.id, quantity: 2 },
    { product_id: lamp.id },
    { product_id: bell.id.toUpperCase().replaceAll('-', ''), quantity: '3' },
  );
  const [placed] = await ordersOf(shop, buyer);
  assert.deepEqual(linesOf(placed), [
    [bell.id, 5, 19.99],
    [lamp.id, 1, 5],
  ]);
  assert.equal(placed.total_price, 104.95);
  assert.equal(await stockOf(shop, bell), 5);
});

test('a hundred lines are taken, even if each asks for as much as it may', async () => {
  const [buyer, nail] = [await shop.buyer(), await product({ price: 0.01, stock: 1_000_000 })];
  const lines = times(100, () => ({ product_id: nail.id, quantity: 10_000 }));
  await ordered(shop, buyer, ...lines);
  assert.deepEqual(linesOf((await ordersOf(shop, buyer))[0]), [[nail.id, 1_000_000, 0.01]]);
  assert.equal(await stockOf(shop, nail), 0);
});

test('totals are exact to the cent, however large, and may be nothing', async () => {
  const buyer = await shop.buyer();
  const dear = await product({ price: 9_999_999_999.99, stock: 1000 });
  const gift = await product({ price: 0 });
  await ordered(shop, buyer, { product_id: gift.id, quantity: 2 });
  await ordered(shop, buyer, { product_id: dear.id, quantity: 1000 });
  assert.deepEqual(
    (await ordersOf(shop, buyer)).map(({ total_price }) => total_price),
    [9_999_999_999_990, 0],
  );
});

test('a checkout over products of two sellers makes two orders of one checkout', async () => {
  const [buyer, other] = [await shop.buyer(), await shop.seller()];
  const [bell, lamp] = [await product(), await product({ price: 5 })];
  const vase = await shop.product(other, { price: 30 });
  const lines = [bell, vase, lamp].map(({ id }) => ({ product_id: id, quantity: 2 }));
  const placed = await order(shop, buyer, lines);
  assert.equal(placed.status, 201);
  const [first, second] = placed.body.order_ids;
  assert.deepEqual(placed.body, {
    message: 'Order placed successfully',
    order_id: first,
    order_ids: [first, second],
  });
  const byId = new Map((await ordersOf(shop, buyer)).map((one) => [one.id, one]));
  assert.equal(byId.size, 2);
  assert.deepEqual(linesOf(byId.get(first)), [
    [bell.id, 2, 19.99],
    [lamp.id, 2, 5],
  ]);
  assert.deepEqual(linesOf(byId.get(second)), [[vase.id, 2, 30]]);
  assert.deepEqual([byId.get(first).total_price, byId.get(second).total_price], [49.98, 60]);
  const checkouts = await shop.context.db.rows<{ orders: number; sellers: number[] }>(sql`
    SELECT count(*) AS orders, array_agg(seller_id ORDER BY seller_id) AS sellers
    FROM orders WHERE buyer_id = ${buyer.id} GROUP BY checkout_id`);
  assert.deepEqual(checkouts, [{ orders: 2, sellers: [seller.id, other.id] }]);
});

test('it works below /app and without the slash', async () => {
  const [buyer, bell] = [await shop.buyer(), await product()];
  for (const path of ['/app/place-order/', '/app/place-order', '/place-order']) {
    const body = { products: [{ product_id: bell.id }] };
    assert.equal((await shop.call(`POST ${path}`, { token: buyer.access, body })).status, 201);
  }
  assert.equal(await stockOf(shop, bell), 7);
  assert.equal((await ordersOf(shop, buyer)).length, 3);
});

test('two orders without a key are two orders', async () => {
  const [buyer, bell] = [await shop.buyer(), await product()];
  const first = await ordered(shop, buyer, { product_id: bell.id });
  const second = await ordered(shop, buyer, { product_id: bell.id });
  assert.notEqual(first, second);
  assert.deepEqual(
    (await ordersOf(shop, buyer)).map(({ id }) => id),
    [second, first],
  );
});

test('what is put into the cart after an order is the next order', async () => {
  const [buyer, bell] = [await shop.buyer(), await product()];
  for (const quantity of [1, 2]) {
    await addToCart(shop, buyer, { product_id: bell.id, quantity });
    assert.equal((await orderCart(shop, buyer)).status, 201);
  }
  assert.deepEqual((await ordersOf(shop, buyer)).map(linesOf), [
    [[bell.id, 2, 19.99]],
    [[bell.id, 1, 19.99]],
  ]);
});
