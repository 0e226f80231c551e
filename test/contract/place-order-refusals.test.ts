import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Json, openShop, type TestShop, type User } from '../harness.ts';
import { addToCart, everything, nobodysId, orderCart, times } from '../shopping.ts';

let shop: TestShop;
let seller: User;
let buyer: User;
let bell: Json;
let vase: Json;
before(async () => {
  shop = await openShop();
  seller = await shop.seller();
  buyer = await shop.buyer();
  bell = await shop.product(seller, { name: 'Bell', stock: 10 });
  vase = await shop.product(await shop.seller(), { name: 'Rare vase', stock: 1 });
});
after(() => shop.close());

interface Refusal {
  status: number;
  answer: object;
  user?: User;
}

/** Asserts the answer, and that no row changed: no stock, order, cart line or notification. */
async function refuse(body: unknown, { status, answer, user = buyer }: Refusal): Promise<void> {
  const before = await everything(shop);
  const refused = await shop.call('POST /place-order/', { token: user.access, body });
  assert.deepEqual([refused.status, refused.body], [status, answer], JSON.stringify(body));
  assert.deepEqual(await everything(shop), before);
}

const nothing = { status: 400, answer: { error: 'No products provided' } };
const tooFew = (name: string) => ({
  status: 400,
  answer: { error: `Insufficient stock for product ${name}` },
});

test('an empty cart is refused', async () => {
  await refuse(undefined, nothing);
  await refuse({}, nothing);
});

test('an empty list is refused, also with something in the cart', async () => {
  const ann = await shop.buyer();
  await addToCart(shop, ann, { product_id: bell.id });
  await refuse({ products: [] }, { ...nothing, user: ann });
});

for (const products of [null, '', false, 0]) {
  test(`products that are ${JSON.stringify(products)} are none`, () =>
    refuse({ products }, nothing));
}

for (const products of ['x', 5, true, {}, { product_id: nobodysId }]) {
  test(`products that are ${JSON.stringify(products)} are refused`, () =>
    refuse({ products }, { status: 400, answer: { error: 'products must be a list' } }));
}

for (const line of [null, 'x', 5, [], [nobodysId, 1]]) {
  test(`a line that is ${JSON.stringify(line)} is refused`, () => {
    const error = 'Each product must be an object with product_id and quantity';
    return refuse({ products: [line] }, { status: 400, answer: { error } });
  });
}

for (const [product_id, status, error] of [
  [undefined, 400, 'product_id is required'],
  [null, 400, 'product_id is required'],
  ['', 400, 'product_id is required'],
  ['not-a-uuid', 404, 'Product not-a-uuid not found'],
  ['\0', 404, 'Product \0 not found'],
  [7, 404, 'Product 7 not found'],
  [nobodysId, 404, `Product ${nobodysId} not found`],
] as const) {
  test(`the product ${JSON.stringify(product_id)} answers ${status}`, () =>
    refuse({ products: [{ product_id, quantity: 1 }] }, { status, answer: { error } }));
}

test('an unknown product sinks the whole order', () =>
  refuse(
    { products: [{ product_id: bell.id }, { product_id: nobodysId }] },
    { status: 404, answer: { error: `Product ${nobodysId} not found` } },
  ));

test('a deleted product is not found', async () => {
  const { id } = await shop.product(seller);
  await shop.call(`DELETE /delete-product/?id=${id}`, { token: seller.access });
  await refuse(
    { products: [{ product_id: id }] },
    { status: 404, answer: { error: `Product ${id} not found` } },
  );
});

test('more than the stock is refused, alone, as the second line, and in sum', async () => {
  const line = ({ id }: Json, quantity: number) => ({ product_id: id, quantity });
  await refuse({ products: [line(bell, 11)] }, tooFew('Bell'));
  await refuse({ products: [line(bell, 10), line(vase, 2)] }, tooFew('Rare vase'));
  await refuse({ products: [line(vase, 1), line(bell, 11)] }, tooFew('Bell'));
  await refuse({ products: [line(bell, 5), line(vase, 1), line(bell, 6)] }, tooFew('Bell'));
});

test('a cart that the stock no longer covers is refused and kept', async () => {
  const ann = await shop.buyer();
  const lamp = await shop.product(seller, { name: 'Lamp', stock: 5 });
  await addToCart(shop, ann, { product_id: bell.id, quantity: 2 });
  await addToCart(shop, ann, { product_id: lamp.id, quantity: 5 });
  const change = { id: lamp.id, stock: 4 };
  await shop.call('PATCH /product/', { token: seller.access, body: change });
  await refuse(undefined, { ...tooFew('Lamp'), user: ann });
});

test('a cart of deleted products only is empty', async () => {
  const ann = await shop.buyer();
  const { id } = await shop.product(seller);
  await addToCart(shop, ann, { product_id: id });
  await shop.call(`DELETE /delete-product/?id=${id}`, { token: seller.access });
  await refuse(undefined, { ...nothing, user: ann });
});

for (const quantity of [
  0,
  '0',
  -1,
  1.5,
  '1.5',
  'abc',
  '',
  true,
  false,
  null,
  [],
  [2],
  {},
  10_001,
  '10001',
  1e300,
]) {
  test(`a quantity of ${JSON.stringify(quantity)} is refused`, () => {
    const error = 'Quantity must be a whole number from 1 to 10000';
    const products = [{ product_id: bell.id }, { product_id: bell.id, quantity }];
    return refuse({ products }, { status: 400, answer: { error } });
  });
}

test('more than 100 lines are refused', () =>
  refuse(
    { products: times(101, () => ({ product_id: bell.id })) },
    { status: 400, answer: { error: 'An order takes at most 100 products' } },
  ));

test('a total beyond 15 digits is refused', async () => {
  const dear = await shop.product(seller, { price: 9_999_999_999.99, stock: 10_000 });
  await refuse(
    { products: [{ product_id: dear.id, quantity: 1001 }] },
    { status: 400, answer: { error: 'The order total is too large' } },
  );
});

test('sellers and operators have no customer profile', async () => {
  const answer = { status: 404, answer: { error: 'Customer profile not found' } };
  for (const user of [seller, await shop.operator()]) {
    await refuse({ products: [{ product_id: bell.id }] }, { ...answer, user });
    await refuse(undefined, { ...answer, user });
  }
});

test('a body that is not an object, or not JSON, is refused', async () => {
  await refuse([{ product_id: bell.id }], {
    status: 400,
    answer: { non_field_errors: ['Invalid data. Expected a dictionary, but got list.'] },
  });
  const before = await everything(shop);
  const broken = await shop.call('POST /place-order/', {
    token: buyer.access,
    headers: { 'content-type': 'application/json' },
    raw: '{"products":',
  });
  assert.equal(broken.status, 400);
  assert.match(broken.body.detail, /^JSON parse error - /);
  const text = await shop.call('POST /place-order/', {
    token: buyer.access,
    headers: { 'content-type': 'text/plain' },
    raw: 'one bell, please',
  });
  assert.equal(text.status, 415);
  assert.deepEqual(text.body, { detail: 'Unsupported media type "text/plain" in request.' });
  assert.deepEqual(await everything(shop), before);
});

test('strangers are asked who they are before anything else', async () => {
  const raw = '{"products":';
  const headers = { 'content-type': 'application/json' };
  const stranger = await shop.call('POST /place-order/', { raw, headers });
  assert.equal(stranger.status, 401);
  assert.deepEqual(stranger.body, { detail: 'Authentication credentials were not provided.' });
  const wrongRole = await shop.call('POST /place-order/', { token: seller.access, raw, headers });
  assert.equal(wrongRole.status, 404);
  assert.deepEqual(wrongRole.body, { error: 'Customer profile not found' });
});

test('after all of that one order of what there is still works', async () => {
  await addToCart(shop, buyer, { product_id: bell.id, quantity: 10 });
  await addToCart(shop, buyer, { product_id: vase.id });
  assert.equal((await orderCart(shop, buyer)).status, 201);
  await refuse({ products: [{ product_id: bell.id }] }, tooFew('Bell'));
  assert.deepEqual(await shop.violations(), []);
});
