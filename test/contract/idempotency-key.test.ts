import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, afterEach, before, test } from 'node:test';
import { type Answer, type Json, openShop, type TestShop, type User } from '../harness.ts';
import { addToCart, cartOf, everything, orderCart, orderOnce, ordersOf } from '../shopping.ts';
import { nobodysId, stockOf } from '../shopping.ts';

let shop: TestShop;
let seller: User;
let bell: Json;
before(async () => {
  shop = await openShop();
  seller = await shop.seller();
  bell = await shop.product(seller, { name: 'Bell', stock: 100 });
});
after(() => shop.close());
afterEach(async () => assert.deepEqual(await shop.violations(), []));

const keyed = (key: string = randomUUID()) => ({ 'idempotency-key': key });
const bodyOf = ({ status, headers, text }: Answer) => ({
  status,
  type: headers.get('content-type'),
  text,
});
const reused = {
  error: 'This Idempotency-Key was used for another request. Use a new key for a new order.',
};

test('the same key and body give the same answer, byte for byte, and one order', async () => {
  const [buyer, key] = [await shop.buyer(), keyed()];
  const lines = [{ product_id: bell.id, quantity: 2 }];
  const stock = await stockOf(shop, bell);
  const first = await orderOnce(shop, buyer, { products: lines, key });
  assert.equal(first.status, 201);
  const before = await everything(shop);
  for (let attempt = 0; attempt < 3; attempt += 1) {
    assert.deepEqual(bodyOf(await orderOnce(shop, buyer, { products: lines, key })), bodyOf(first));
  }
  assert.deepEqual(await everything(shop), before);
  assert.equal((await ordersOf(shop, buyer)).length, 1);
  assert.equal(await stockOf(shop, bell), stock - 2);
});

test('a checkout of two sellers is answered again with both its orders', async () => {
  const [buyer, key] = [await shop.buyer(), keyed()];
  const vase = await shop.product(await shop.seller());
  const lines = [{ product_id: bell.id }, { product_id: vase.id }];
  const first = await orderOnce(shop, buyer, { products: lines, key });
  assert.equal(first.body.order_ids.length, 2);
  assert.equal((await orderOnce(shop, buyer, { products: lines, key })).text, first.text);
  assert.equal((await ordersOf(shop, buyer)).length, 2);
});

test('an order of the cart is answered again, and the cart of now stays as it is', async () => {
  const [buyer, key] = [await shop.buyer(), keyed()];
  await addToCart(shop, buyer, { product_id: bell.id });
  const first = await orderCart(shop, buyer, key);
  assert.equal(first.status, 201);
  await addToCart(shop, buyer, { product_id: bell.id, quantity: 3 });
  assert.deepEqual(bodyOf(await orderCart(shop, buyer, key)), bodyOf(first));
  assert.deepEqual(await cartOf(shop, buyer), [[bell.id, 3]]);
});

test('it is answered again when the product is sold out, edited or gone', async () => {
  const [buyer, key] = [await shop.buyer(), keyed()];
  const vase = await shop.product(seller, { stock: 1 });
  const first = await orderOnce(shop, buyer, { products: [{ product_id: vase.id }], key });
  assert.equal(first.status, 201);
  const edit = { id: vase.id, price: 99, name: 'Another vase' };
  await shop.call('PATCH /product/', { token: seller.access, body: edit });
  assert.equal(
    (await orderOnce(shop, buyer, { products: [{ product_id: vase.id }], key })).text,
    first.text,
  );
  await shop.call(`DELETE /delete-product/?id=${vase.id}`, { token: seller.access });
  assert.equal(
    (await orderOnce(shop, buyer, { products: [{ product_id: vase.id }], key })).text,
    first.text,
  );
});

test('the same key with another body is a mistake: 422, and nothing changes', async () => {
  const [buyer, key] = [await shop.buyer(), keyed()];
  const first = await orderOnce(shop, buyer, {
    products: [{ product_id: bell.id, quantity: 2 }],
    key,
  });
  await addToCart(shop, buyer, { product_id: bell.id, quantity: 2 });
  const before = await everything(shop);
  for (const lines of [
    [{ product_id: bell.id, quantity: 3 }],
    [{ product_id: nobodysId, quantity: 2 }],
    [{ product_id: bell.id, quantity: 2 }, { product_id: bell.id }],
    [],
  ]) {
    const refused = await orderOnce(shop, buyer, { products: lines, key });
    assert.equal(refused.status, 422);
    assert.deepEqual(refused.body, reused);
  }
  const cart = await orderCart(shop, buyer, key);
  assert.deepEqual([cart.status, cart.body], [422, reused]);
  assert.deepEqual(await everything(shop), before);
  const again = await orderOnce(shop, buyer, {
    products: [{ product_id: bell.id, quantity: 2 }],
    key,
  });
  assert.deepEqual(bodyOf(again), bodyOf(first));
});

test('the key of one buyer is nothing to another', async () => {
  const [ann, bob, key] = [await shop.buyer(), await shop.buyer(), keyed()];
  const first = await orderOnce(shop, ann, { products: [{ product_id: bell.id }], key });
  const second = await orderOnce(shop, bob, {
    products: [{ product_id: bell.id, quantity: 2 }],
    key,
  });
  assert.deepEqual([first.status, second.status], [201, 201]);
  assert.notEqual(first.body.order_id, second.body.order_id);
  assert.equal(
    (await orderOnce(shop, ann, { products: [{ product_id: bell.id }], key })).text,
    first.text,
  );
});

test('a refusal is kept too: the same key is refused alike when it would work by now', async () => {
  const buyer = await shop.buyer();
  const vase = await shop.product(seller, { name: 'Vase', stock: 1 });
  const lines = [{ product_id: vase.id, quantity: 2 }];
  const [tooFew, empty] = [keyed(), keyed()];
  const refused = await orderOnce(shop, buyer, { products: lines, key: tooFew });
  assert.equal(refused.status, 400);
  assert.deepEqual(refused.body, { error: 'Insufficient stock for product Vase' });
  const nothing = await orderCart(shop, buyer, empty);
  assert.deepEqual(nothing.body, { error: 'No products provided' });

  const restock = { id: vase.id, stock: 5 };
  await shop.call('PATCH /product/', { token: seller.access, body: restock });
  await addToCart(shop, buyer, { product_id: vase.id });
  assert.deepEqual(
    bodyOf(await orderOnce(shop, buyer, { products: lines, key: tooFew })),
    bodyOf(refused),
  );
  assert.deepEqual(bodyOf(await orderCart(shop, buyer, empty)), bodyOf(nothing));
  assert.deepEqual(await ordersOf(shop, buyer), []);
  assert.equal((await orderOnce(shop, buyer, { products: lines, key: keyed() })).status, 201);
  assert.equal(await stockOf(shop, vase), 3);
});

test('a missing product is answered alike too', async () => {
  const [buyer, key] = [await shop.buyer(), keyed()];
  const first = await orderOnce(shop, buyer, { products: [{ product_id: nobodysId }], key });
  assert.deepEqual([first.status, first.body], [404, { error: `Product ${nobodysId} not found` }]);
  assert.deepEqual(
    bodyOf(await orderOnce(shop, buyer, { products: [{ product_id: nobodysId }], key })),
    bodyOf(first),
  );
});

for (const [what, key] of [
  ['is empty', ''],
  ['has 256 characters', 'k'.repeat(256)],
  ['is not ASCII', 'clé'],
] as const) {
  test(`a key that ${what} is refused, and nothing changes`, async () => {
    const buyer = await shop.buyer();
    const before = await everything(shop);
    const refused = await orderOnce(shop, buyer, {
      products: [{ product_id: bell.id }],
      key: keyed(key),
    });
    assert.equal(refused.status, 400);
    assert.deepEqual(refused.body, {
      error: 'Idempotency-Key must have 1 to 255 printable characters',
    });
    assert.deepEqual(await everything(shop), before);
  });
}

test('a key of 255 characters works, capitals count, and so does every character', async () => {
  const buyer = await shop.buyer();
  const keys = ['k'.repeat(255), 'K'.repeat(255), `${'k'.repeat(254)}l`, '"quoted"', 'quoted'];
  const answers = [];
  for (const key of keys) {
    const answer = await orderOnce(shop, buyer, {
      products: [{ product_id: bell.id }],
      key: keyed(key),
    });
    assert.equal(answer.status, 201);
    answers.push(answer.body.order_id);
  }
  assert.equal(new Set(answers).size, keys.length);
});
