import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Json, openShop, type TestShop, type User } from '../harness.ts';
import { addToCart, cartOf, everything, nobodysId, times } from '../shopping.ts';

let shop: TestShop;
let seller: User;
let buyer: User;
let bell: Json;
before(async () => {
  shop = await openShop();
  seller = await shop.seller();
  buyer = await shop.buyer();
  bell = await shop.product(seller, { name: 'Bell', stock: 10 });
  await addToCart(shop, buyer, { product_id: bell.id, quantity: 6 });
});
after(() => shop.close());

/** Asserts the answer, and that no row changed. */
async function refuse(
  route: string,
  body: unknown,
  { status, answer }: { status: number; answer: object },
): Promise<void> {
  const before = await everything(shop);
  const refused = await shop.call(route, { token: buyer.access, body });
  assert.deepEqual([refused.status, refused.body], [status, answer], JSON.stringify(body));
  assert.deepEqual(await everything(shop), before);
}

const notWhole: unknown[] = [
  -1,
  1.5,
  '1.5',
  'abc',
  '',
  ' ',
  '0x1',
  true,
  false,
  null,
  [],
  [1],
  ['1'],
  {},
  10_001,
  '10001',
  1e300,
];

for (const quantity of [0, '0', ...notWhole]) {
  test(`adding a quantity of ${JSON.stringify(quantity)} is refused`, () =>
    refuse(
      'POST /cart/',
      { product_id: bell.id, quantity },
      { status: 400, answer: { error: 'Quantity must be a whole number from 1 to 10000' } },
    ));
}

for (const quantity of [undefined, ...notWhole]) {
  test(`setting a quantity to ${JSON.stringify(quantity)} is refused`, () =>
    refuse(
      'PATCH /cart/',
      { product_id: bell.id, quantity },
      { status: 400, answer: { error: 'Quantity must be a whole number from 0 to 10000' } },
    ));
}

for (const [quantity, counts] of [
  [1, 1],
  ['2', 2],
  ['2.0', 2],
  [3.0, 3],
  [' 4 ', 4],
  ['10000', 10_000],
  [10_000, 10_000],
] as const) {
  test(`a quantity of ${JSON.stringify(quantity)} counts as ${counts}`, async () => {
    const [ann, nail] = [await shop.buyer(), await shop.product(seller, { stock: 20_000 })];
    const line = { product_id: nail.id, quantity };
    assert.equal((await addToCart(shop, ann, line)).status, 201);
    assert.deepEqual(await cartOf(shop, ann), [[nail.id, counts]]);
    const set = await shop.call('PATCH /cart/', { token: ann.access, body: line });
    assert.equal(set.status, 200);
    assert.deepEqual(await cartOf(shop, ann), [[nail.id, counts]]);
  });
}

test('a line never holds more than the stock', async () => {
  const answer = { status: 400, answer: { error: 'Insufficient stock for product Bell' } };
  await refuse('POST /cart/', { product_id: bell.id, quantity: 11 }, answer);
  await refuse('POST /cart/', { product_id: bell.id, quantity: 5 }, answer); // 6 are in already
  await refuse('PATCH /cart/', { product_id: bell.id, quantity: 11 }, answer);
  const soldOut = await shop.product(seller, { name: 'Rare vase', stock: 0 });
  await refuse(
    'POST /cart/',
    { product_id: soldOut.id },
    { status: 400, answer: { error: 'Insufficient stock for product Rare vase' } },
  );
});

test('a line never holds more than 10,000', async () => {
  const ann = await shop.buyer();
  const nail = await shop.product(seller, { stock: 20_000 });
  await addToCart(shop, ann, { product_id: nail.id, quantity: 9_999 });
  const refused = await addToCart(shop, ann, { product_id: nail.id, quantity: 2 });
  assert.equal(refused.status, 400);
  assert.deepEqual(refused.body, { error: 'Quantity must be a whole number from 1 to 10000' });
  assert.deepEqual(await cartOf(shop, ann), [[nail.id, 9_999]]);
});

test('a cart never holds more than 100 products', async () => {
  const ann = await shop.buyer();
  const { id: category_id } = await shop.category(seller);
  const nails = await Promise.all(
    times(101, (index) => shop.product(seller, { category_id, name: `Nail ${index}` })),
  );
  for (const { id } of nails.slice(0, 100)) await addToCart(shop, ann, { product_id: id });
  const refused = await addToCart(shop, ann, { product_id: nails[100].id });
  assert.equal(refused.status, 400);
  assert.deepEqual(refused.body, { error: 'A cart holds at most 100 products' });
  assert.equal((await cartOf(shop, ann)).length, 100);
});

test('what is added never makes a total beyond 15 digits', async () => {
  const ann = await shop.buyer();
  const dear = await shop.product(seller, { price: 9_999_999_999.99, stock: 5_000 });
  await addToCart(shop, ann, { product_id: dear.id, quantity: 1_000 });
  const refused = await addToCart(shop, ann, { product_id: dear.id, quantity: 1 });
  assert.equal(refused.status, 400);
  assert.deepEqual(refused.body, { error: 'The cart total is too large' });
  assert.deepEqual(await cartOf(shop, ann), [[dear.id, 1_000]]);
});

test('a product that was withdrawn has no place in a cart', async () => {
  const ann = await shop.buyer();
  const { id: category_id } = await shop.category(seller);
  const nails = await Promise.all(times(101, () => shop.product(seller, { category_id })));
  for (const { id } of nails.slice(0, 100)) await addToCart(shop, ann, { product_id: id });
  await shop.call(`DELETE /delete-product/?id=${nails[0].id}`, { token: seller.access });
  const added = await addToCart(shop, ann, { product_id: nails[100].id });
  assert.equal(added.status, 201);
  const ids = nails.slice(1).map(({ id }) => id);
  assert.deepEqual(
    added.body.items.map(({ product }: Json) => product.id),
    ids,
  );
  assert.deepEqual(
    (await cartOf(shop, ann)).map(([id]) => id),
    ids,
  );
});

for (const method of ['POST', 'PATCH']) {
  for (const [product_id, status, error] of [
    [undefined, 400, 'product_id is required'],
    [null, 400, 'product_id is required'],
    ['', 400, 'product_id is required'],
    ['abc', 404, 'Product abc not found'],
    [12, 404, 'Product 12 not found'],
    [true, 404, 'Product true not found'],
    [['x'], 404, 'Product [...] not found'],
    [{ id: 'x' }, 404, 'Product {...} not found'],
    ['\0', 404, 'Product \0 not found'],
    [nobodysId, 404, `Product ${nobodysId} not found`],
    [nobodysId.toUpperCase(), 404, `Product ${nobodysId} not found`],
  ] as const) {
    test(`${method} of the product ${JSON.stringify(product_id)} answers ${status}`, () =>
      refuse(`${method} /cart/`, { product_id, quantity: 1 }, { status, answer: { error } }));
  }

  test(`${method} of a body that is a list answers 400`, () =>
    refuse(`${method} /cart/`, [{ product_id: bell.id, quantity: 1 }], {
      status: 400,
      answer: { non_field_errors: ['Invalid data. Expected a dictionary, but got list.'] },
    }));
}

for (const method of ['GET', 'POST', 'PATCH', 'DELETE']) {
  test(`${method} is for buyers: sellers and operators get 403, strangers 401`, async () => {
    const body = method === 'GET' || method === 'DELETE' ? undefined : { product_id: bell.id };
    for (const user of [seller, await shop.operator()]) {
      const refused = await shop.call(`${method} /cart/`, { token: user.access, body });
      assert.equal(refused.status, 403);
      assert.deepEqual(refused.body, {
        detail: 'You do not have permission to perform this action.',
      });
    }
    const stranger = await shop.call(`${method} /cart/`, { body });
    assert.equal(stranger.status, 401);
    assert.deepEqual(stranger.body, { detail: 'Authentication credentials were not provided.' });
  });
}
