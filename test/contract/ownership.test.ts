import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Json, openShop, type TestShop, type User } from '../harness.ts';
import { nobodysId } from '../shopping.ts';

/** Everything that could be changed or seen: the things of one seller, and of one buyer. */
let shop: TestShop;
let owner: User;
let stranger: User;
let buyer: User;
let otherBuyer: User;
let operator: User;
let category: Json;
let product: Json;
let orderId: string;

before(async () => {
  shop = await openShop();
  [owner, stranger] = [await shop.seller(), await shop.seller()];
  [buyer, otherBuyer] = [await shop.buyer(), await shop.buyer()];
  operator = await shop.operator();
  category = await shop.category(owner);
  product = await shop.product(owner, { category_id: category.id });
  orderId = await place(buyer, product);
  await call('POST /cart/', buyer, { product_id: product.id, quantity: 2 });
});
after(async () => {
  assert.deepEqual(await shop.violations(), []);
  await shop.close();
});

const call = async (route: string, user: User, body?: unknown): Promise<[number, Json]> => {
  const answer = await shop.call(route, { token: user.access, body });
  return [answer.status, answer.body];
};
async function place(by: User, ...ordered: Json[]): Promise<string> {
  const products = ordered.map(({ id }) => ({ product_id: id, quantity: 1 }));
  const [status, body] = await call('POST /place-order/', by, { products });
  assert.equal(status, 201);
  return body.order_id;
}
const snapshot = async (): Promise<Json[]> => [
  await call('GET /list-category/', buyer),
  await call('GET /list-product/?page_size=100', buyer),
  await call('GET /list-user-order/', buyer),
  await call('GET /cart/', buyer),
];

const forbidden = { detail: 'You do not have permission to perform this action.' };

/** What only its owner or an operator may do, and what a missing thing looks like there. */
interface Deed {
  name: string;
  route: string;
  body?: object;
  missing: object;
}
const deeds = (ids: { category: string; product: string; order: string }): Deed[] => [
  {
    name: 'rename a category',
    route: 'PATCH /category/',
    body: { category_id: ids.category, name: 'Taken', description: 'Taken' },
    missing: { detail: 'Category not found.' },
  },
  {
    name: 'change nothing of a category',
    route: 'PATCH /category/',
    body: { category_id: ids.category },
    missing: { detail: 'Category not found.' },
  },
  {
    name: 'delete a category',
    route: `DELETE /delete-category/?id=${ids.category}`,
    missing: { error: 'Category not found or access denied.' },
  },
  ...[{ name: 'Taken' }, { price: 0.01 }, { stock: 0 }, {}, { category_id: ids.category }].map(
    (change) => ({
      name: `change a product: ${JSON.stringify(Object.keys(change))}`,
      route: 'PATCH /product/',
      body: { id: ids.product, ...change },
      missing: { error: 'Product not found or unauthorized' },
    }),
  ),
  {
    name: 'move a product to a category that there is not',
    route: 'PATCH /product/',
    body: { id: ids.product, category_id: nobodysId },
    missing: { error: 'Product not found or unauthorized' },
  },
  {
    name: 'delete a product',
    route: `DELETE /delete-product/?id=${ids.product}`,
    missing: { error: 'Product not found or access denied.' },
  },
  ...['shipped', 'delivered', 'pending'].map((status) => ({
    name: `set an order to ${status}`,
    route: 'PATCH /update-order-status/',
    body: { order_id: ids.order, status },
    missing: { error: 'Order not found' },
  })),
];
const ofTheOwner = () => deeds({ category: category.id, product: product.id, order: orderId });

test('another seller’s things look like missing ones, and nothing changes', async () => {
  const before = await snapshot();
  const missing = deeds({ category: nobodysId, product: nobodysId, order: nobodysId });
  for (const [index, { name, route, body, missing: answer }] of ofTheOwner().entries()) {
    for (const place of [route, route.replace(' /', ' /app/')]) {
      assert.deepEqual(await call(place, stranger, body), [404, answer], name);
    }
    const nothing = missing[index];
    assert.ok(nothing);
    const [status, same] = await call(nothing.route, stranger, nothing.body);
    assert.deepEqual([status, same], [404, answer], `${name}, of an unknown id`);
  }
  assert.deepEqual(await snapshot(), before);
});

test('a buyer may do none of it, not even with what was ordered', async () => {
  const before = await snapshot();
  for (const user of [buyer, otherBuyer]) {
    for (const { name, route, body } of ofTheOwner()) {
      assert.deepEqual(await call(route, user, body), [403, forbidden], name);
    }
    const category = { name: 'n', description: 'd' };
    assert.deepEqual(await call('POST /category/', user, category), [403, forbidden]);
    const offer = { ...category, price: 1, stock: 1, category_id: product.category.id };
    assert.deepEqual(await call('POST /product/', user, offer), [403, forbidden]);
  }
  assert.deepEqual(await snapshot(), before);
});

test('nobody may do any of it without a token', async () => {
  const before = await snapshot();
  for (const { name, route, body } of ofTheOwner()) {
    assert.equal((await shop.call(route, { body })).status, 401, name);
  }
  assert.deepEqual(await snapshot(), before);
});

test('what belongs to buyers is closed to sellers and operators', async () => {
  const before = await snapshot();
  for (const user of [owner, stranger, operator]) {
    for (const route of ['GET /cart/', 'POST /cart/', 'PATCH /cart/', 'DELETE /cart/']) {
      const body = route.startsWith('P') ? { product_id: product.id, quantity: 1 } : undefined;
      assert.deepEqual(await call(route, user, body), [403, forbidden], route);
    }
    assert.deepEqual(await call('GET /list-user-order/', user), [403, forbidden]);
    const order = { products: [{ product_id: product.id }] };
    const answer = await call('POST /place-order/', user, order);
    assert.deepEqual(answer, [404, { error: 'Customer profile not found' }]);
  }
  assert.deepEqual(await snapshot(), before);
});

test('a product in somebody’s category belongs to its own seller alone', async () => {
  const guest = await shop.product(stranger, { category_id: category.id });
  const before = await snapshot();
  const theirs = deeds({ category: nobodysId, product: guest.id, order: nobodysId });
  for (const { name, route, body, missing } of theirs.filter((deed) => /product/.test(deed.name))) {
    assert.deepEqual(await call(route, owner, body), [404, missing], name);
  }
  assert.deepEqual(await snapshot(), before);
  const own = { id: guest.id, name: 'Renamed' };
  assert.equal((await call('PATCH /product/', stranger, own))[0], 200);
  assert.equal((await call(`DELETE /delete-product/?id=${guest.id}`, stranger))[0], 200);
});

test('a category and a product are not taken for one another', async () => {
  const before = await snapshot();
  const crossed = deeds({ category: product.id, product: category.id, order: product.id });
  for (const user of [owner, operator]) {
    for (const { name, route, body, missing } of crossed) {
      assert.deepEqual(await call(route, user, body), [404, missing], name);
    }
  }
  assert.deepEqual(await snapshot(), before);
});

test('created_by, seller_id and the like make nobody an owner', async () => {
  const before = await snapshot();
  const claims = { created_by: stranger.id, seller_id: stranger.id, user_id: stranger.id };
  for (const { name, route, body, missing } of ofTheOwner()) {
    const claimed = body ? { ...body, ...claims } : undefined;
    assert.deepEqual(await call(route, stranger, claimed), [404, missing], name);
  }
  const given = { category_id: category.id, created_by: stranger.id };
  const [status, body] = await call('PATCH /category/', owner, given);
  assert.deepEqual([status, body], [200, category], 'nor can an owner give it away');
  assert.deepEqual(await snapshot(), before);
});

test('an operator may do all of it, and the things stay their seller’s', async () => {
  const [ours, guests] = [await shop.category(owner), stranger];
  const bell = await shop.product(owner, { category_id: ours.id });
  await shop.product(guests, { category_id: ours.id });
  const sold = await place(buyer, bell);
  const renamed = { category_id: ours.id, name: 'By the operator' };
  assert.deepEqual(await call('PATCH /category/', operator, renamed), [
    200,
    { ...ours, name: 'By the operator' },
  ]);
  const changed = { id: bell.id, price: 5, stock: 7 };
  assert.deepEqual(await call('PATCH /product/', operator, changed), [
    200,
    { ...bell, price: 5, stock: 7, category: { ...ours, name: 'By the operator' } },
  ]);
  for (const status of ['shipped', 'delivered']) {
    const step = { order_id: sold, status };
    const message = `Order status updated to ${status}`;
    assert.deepEqual(await call('PATCH /update-order-status/', operator, step), [200, { message }]);
  }
  assert.equal((await call('PATCH /product/', owner, { id: bell.id, stock: 8 }))[0], 200);
  assert.equal((await call(`DELETE /delete-product/?id=${bell.id}`, operator))[0], 200);
  assert.equal((await call(`DELETE /delete-category/?id=${ours.id}`, operator))[0], 200);
  const [, page] = await call(`GET /list-product/?category=${ours.id}`, buyer);
  assert.equal(page.total_products, 0);
});

test('what an operator makes is closed to sellers', async () => {
  const made = await shop.product(operator);
  const before = await snapshot();
  const theirs = deeds({ category: made.category.id, product: made.id, order: nobodysId });
  for (const { name, route, body, missing } of theirs) {
    assert.deepEqual(await call(route, stranger, body), [404, missing], name);
  }
  assert.deepEqual(await snapshot(), before);
});

test('the owner may do all of it', async () => {
  for (const status of ['shipped', 'delivered']) {
    const step = { order_id: orderId, status };
    assert.equal((await call('PATCH /update-order-status/', owner, step))[0], 200);
  }
  const own = deeds({ category: category.id, product: product.id, order: nobodysId });
  const allowed = own.filter(({ name }) => !/order|not$|delete/.test(name));
  assert.equal(allowed.length, 7);
  for (const { name, route, body } of allowed) {
    assert.equal((await call(route, owner, body))[0], 200, name);
  }
  for (const kind of ['product', 'category'] as const) {
    const { id } = { product, category }[kind];
    assert.equal((await call(`DELETE /delete-${kind}/?id=${id}`, owner))[0], 200);
  }
});
