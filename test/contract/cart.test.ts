import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Json, openShop, type TestShop, type User } from '../harness.ts';
import { addToCart, cartOf, nobodysId, times } from '../shopping.ts';

let shop: TestShop;
let seller: User;
let bell: Json;
before(async () => {
  shop = await openShop();
  seller = await shop.seller();
  bell = await shop.product(seller, { name: 'Bell', price: 19.99, stock: 10 });
});
after(() => shop.close());

const empty = { items: [], total_items: 0, total_price: 0 };
const asBuyer = (route: string, buyer: User, body?: unknown) =>
  shop.call(route, { token: buyer.access, body });

test('a new buyer has an empty cart', async () => {
  const cart = await asBuyer('GET /cart/', await shop.buyer());
  assert.equal(cart.status, 200);
  assert.deepEqual(cart.body, empty);
});

test('adding answers 201 with the whole cart, and what is added adds up', async () => {
  const buyer = await shop.buyer();
  const once = await addToCart(shop, buyer, { product_id: bell.id });
  assert.equal(once.status, 201);
  assert.deepEqual(once.body, {
    items: [{ product: bell, quantity: 1, subtotal: 19.99 }],
    total_items: 1,
    total_price: 19.99,
  });
  const more = await addToCart(shop, buyer, { product_id: bell.id, quantity: 2 });
  assert.equal(more.status, 201);
  assert.deepEqual(more.body, {
    items: [{ product: bell, quantity: 3, subtotal: 59.97 }],
    total_items: 3,
    total_price: 59.97,
  });
  assert.deepEqual((await asBuyer('GET /cart/', buyer)).body, more.body);
});

test('lines stand in the order they were added, and the total is exact to the cent', async () => {
  const buyer = await shop.buyer();
  const cheap = await shop.product(seller, { name: 'Bolt', price: 0.1, stock: 100 });
  const dear = await shop.product(seller, { name: 'Lathe', price: 9_999_999_999.99, stock: 2 });
  await addToCart(shop, buyer, { product_id: dear.id });
  await addToCart(shop, buyer, { product_id: cheap.id, quantity: 3 });
  const cart = await addToCart(shop, buyer, { product_id: dear.id });
  assert.deepEqual(cart.body, {
    items: [
      { product: dear, quantity: 2, subtotal: 19_999_999_999.98 },
      { product: cheap, quantity: 3, subtotal: 0.3 },
    ],
    total_items: 5,
    total_price: 20_000_000_000.28,
  });
});

test('PATCH sets a quantity, makes a line where there is none, and removes it with 0', async () => {
  const buyer = await shop.buyer();
  const set = (quantity: unknown) =>
    asBuyer('PATCH /cart/', buyer, { product_id: bell.id, quantity });
  for (const quantity of [4, 2, '3']) {
    const answer = await set(quantity);
    assert.equal(answer.status, 200);
    assert.deepEqual(await cartOf(shop, buyer), [[bell.id, Number(quantity)]]);
    assert.equal(answer.body.items[0].quantity, Number(quantity));
  }
  const removed = await set(0);
  assert.equal(removed.status, 200);
  assert.deepEqual(removed.body, empty);
  assert.deepEqual((await set('0')).body, empty);
});

test('DELETE removes one line, leaves the rest, and does not mind a missing one', async () => {
  const buyer = await shop.buyer();
  const lamp = await shop.product(seller, { name: 'Lamp', price: 5 });
  await addToCart(shop, buyer, { product_id: bell.id });
  await addToCart(shop, buyer, { product_id: lamp.id });
  const left = { items: [{ product: lamp, quantity: 1, subtotal: 5 }], total_items: 1 };
  for (const id of [bell.id, bell.id, nobodysId]) {
    const answer = await asBuyer(`DELETE /cart/?product_id=${id}`, buyer);
    assert.equal(answer.status, 200);
    assert.deepEqual(answer.body, { ...left, total_price: 5 });
  }
  const malformed = await asBuyer('DELETE /cart/?product_id=abc', buyer);
  assert.equal(malformed.status, 404);
  assert.deepEqual(malformed.body, { error: 'Product abc not found' });
  assert.deepEqual(await cartOf(shop, buyer), [[lamp.id, 1]]);
});

test('DELETE without a product empties the cart, and only that of the caller', async () => {
  const [ann, bob] = [await shop.buyer(), await shop.buyer()];
  await addToCart(shop, ann, { product_id: bell.id });
  await addToCart(shop, bob, { product_id: bell.id, quantity: 2 });
  for (let attempt = 0; attempt < 2; attempt += 1) {
    const emptied = await asBuyer('DELETE /cart/', ann);
    assert.equal(emptied.status, 200);
    assert.deepEqual(emptied.body, empty);
  }
  assert.deepEqual(await cartOf(shop, bob), [[bell.id, 2]]);
});

test('all of it works below /app, without the slash, with odd ids, and from forms', async () => {
  const buyer = await shop.buyer();
  const id = bell.id.toUpperCase().replaceAll('-', '');
  await asBuyer('POST /app/cart', buyer, { product_id: id, quantity: 2 });
  await shop.call('POST /cart', {
    token: buyer.access,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    raw: `product_id=${bell.id}&quantity=3`,
  });
  const cart = await asBuyer('GET /app/cart/', buyer);
  assert.deepEqual(cart.body.items, [{ product: bell, quantity: 5, subtotal: 99.95 }]);
  await asBuyer('PATCH /app/cart/', buyer, { product_id: id, quantity: 1 });
  assert.deepEqual(await cartOf(shop, buyer), [[bell.id, 1]]);
  assert.deepEqual((await asBuyer(`DELETE /app/cart?product_id=${id}`, buyer)).body, empty);
});

test('a product that is deleted leaves the carts, also with its category', async () => {
  const buyer = await shop.buyer();
  const [lamp, vase] = [await shop.product(seller), await shop.product(seller)];
  for (const { id } of [lamp, bell, vase]) await addToCart(shop, buyer, { product_id: id });
  await shop.call(`DELETE /delete-product/?id=${lamp.id}`, { token: seller.access });
  assert.deepEqual(await cartOf(shop, buyer), [
    [bell.id, 1],
    [vase.id, 1],
  ]);
  await shop.call(`DELETE /delete-category/?id=${vase.category.id}`, { token: seller.access });
  const cart = await asBuyer('GET /cart/', buyer);
  assert.deepEqual(cart.body, {
    items: [{ product: bell, quantity: 1, subtotal: 19.99 }],
    total_items: 1,
    total_price: 19.99,
  });
  const again = await addToCart(shop, buyer, { product_id: lamp.id });
  assert.equal(again.status, 404);
  assert.deepEqual(again.body, { error: `Product ${lamp.id} not found` });
});

test('the cart shows a product as its seller edits it', async () => {
  const buyer = await shop.buyer();
  const lamp = await shop.product(seller, { name: 'Lamp', price: 5 });
  await addToCart(shop, buyer, { product_id: lamp.id, quantity: 2 });
  const edit = { id: lamp.id, name: 'Green lamp', price: 7.5, stock: 8 };
  await shop.call('PATCH /product/', { token: seller.access, body: edit });
  const cart = await asBuyer('GET /cart/', buyer);
  assert.deepEqual(cart.body, {
    items: [{ product: { ...lamp, ...edit }, quantity: 2, subtotal: 15 }],
    total_items: 2,
    total_price: 15,
  });
});

test('ten parallel adds on a fresh account all count', async () => {
  for (const buyer of [await shop.buyer(), await shop.buyer(), await shop.buyer()]) {
    const added = await Promise.all(
      times(10, () => addToCart(shop, buyer, { product_id: bell.id })),
    );
    assert.deepEqual(
      added.map(({ status }) => status),
      times(10, () => 201),
    );
    assert.deepEqual(await cartOf(shop, buyer), [[bell.id, 10]]);
  }
});
