import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { type Json, openShop, type TestShop, type User } from '../harness.ts';
import { everything, moved, nobodysId, ordered, ordersOf, setStatus } from '../shopping.ts';

let shop: TestShop;
let seller: User;
let buyer: User;
let bell: Json;
before(async () => {
  shop = await openShop();
  [seller, buyer] = [await shop.seller(), await shop.buyer()];
  bell = await shop.product(seller, { stock: 1000 });
});
after(() => shop.close());
afterEach(async () => assert.deepEqual(await shop.violations(), []));

const newOrder = () => ordered(shop, buyer, { product_id: bell.id });
const path = { pending: [], shipped: ['shipped'], delivered: ['shipped', 'delivered'] };

async function statusOf(id: string): Promise<string> {
  return (await ordersOf(shop, buyer)).find((one) => one.id === id)?.status;
}

/** Asserts the answer, and that no row changed. */
async function refuse(
  user: User,
  change: { order_id: unknown; status: unknown },
  [status, answer]: [number, object],
): Promise<void> {
  const before = await everything(shop);
  const refused = await setStatus(shop, user, change);
  assert.deepEqual([refused.status, refused.body], [status, answer], JSON.stringify(change));
  assert.deepEqual(await everything(shop), before);
}

for (const [from, to] of [
  ['pending', 'shipped'],
  ['shipped', 'delivered'],
] as const) {
  test(`${from} goes to ${to}`, async () => {
    const id = await newOrder();
    await moved(shop, seller, { id, to: path[from] });
    const answer = await setStatus(shop, seller, { order_id: id, status: to });
    assert.equal(answer.status, 200);
    assert.deepEqual(answer.body, { message: `Order status updated to ${to}` });
    assert.equal(await statusOf(id), to);
  });
}

for (const [from, to, error] of [
  ['pending', 'pending', 'Order already in this status'],
  ['pending', 'delivered', 'Cannot change status from pending to delivered'],
  ['shipped', 'pending', 'Cannot change status from shipped to pending'],
  ['shipped', 'shipped', 'Order already in this status'],
  ['delivered', 'pending', 'Cannot change status from delivered to pending'],
  ['delivered', 'shipped', 'Cannot change status from delivered to shipped'],
  ['delivered', 'delivered', 'Order already in this status'],
] as const) {
  test(`${from} does not go to ${to}`, async () => {
    const id = await newOrder();
    await moved(shop, seller, { id, to: path[from] });
    await refuse(seller, { order_id: id, status: to }, [400, { error }]);
    assert.equal(await statusOf(id), from);
  });
}

for (const status of [undefined, null, '', 'cancelled', 'Shipped', 'toString', 5, true, {}, []]) {
  test(`${JSON.stringify(status)} is no status`, async () => {
    const id = await newOrder();
    await refuse(seller, { order_id: id, status }, [400, { error: 'Invalid status' }]);
    await refuse(seller, { order_id: id, status: [status] }, [400, { error: 'Invalid status' }]);
  });
}

for (const order_id of [undefined, null, '', 'abc', '\0', 7, {}, [nobodysId], nobodysId]) {
  test(`there is no order ${JSON.stringify(order_id)}`, () =>
    refuse(seller, { order_id, status: 'shipped' }, [404, { error: 'Order not found' }]));
}

test('the id may be in capitals and without dashes, below /app, in a form', async () => {
  const id = await newOrder();
  const shipped = await shop.call('PATCH /app/update-order-status', {
    token: seller.access,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    raw: `order_id=${id.toUpperCase().replaceAll('-', '')}&status=shipped`,
  });
  assert.equal(shipped.status, 200);
  assert.deepEqual(shipped.body, { message: 'Order status updated to shipped' });
  assert.equal(await statusOf(id), 'shipped');
});

test("another seller's order looks like a missing one", async () => {
  const other = await shop.seller();
  const id = await newOrder();
  for (const status of ['pending', 'shipped', 'delivered']) {
    await refuse(other, { order_id: id, status }, [404, { error: 'Order not found' }]);
  }
});

test('of one checkout each seller moves its own order alone', async () => {
  const other = await shop.seller();
  const vase = await shop.product(other);
  const placed = await shop.call('POST /place-order/', {
    token: buyer.access,
    body: { products: [{ product_id: bell.id }, { product_id: vase.id }] },
  });
  const [ofBell, ofVase] = placed.body.order_ids;
  await refuse(other, { order_id: ofBell, status: 'shipped' }, [404, { error: 'Order not found' }]);
  await refuse(seller, { order_id: ofVase, status: 'shipped' }, [
    404,
    { error: 'Order not found' },
  ]);
  await moved(shop, other, { id: ofVase, to: ['shipped'] });
  assert.deepEqual([await statusOf(ofBell), await statusOf(ofVase)], ['pending', 'shipped']);
});

test('an operator moves any order, by the same steps', async () => {
  const operator = await shop.operator();
  const id = await newOrder();
  const error = 'Cannot change status from pending to delivered';
  await refuse(operator, { order_id: id, status: 'delivered' }, [400, { error }]);
  await moved(shop, operator, { id, to: ['shipped'] });
  await moved(shop, seller, { id, to: ['delivered'] });
  assert.equal(await statusOf(id), 'delivered');
  const missing = { order_id: nobodysId, status: 'shipped' };
  await refuse(operator, missing, [404, { error: 'Order not found' }]);
});

test('a buyer moves nothing, not even its own order', async () => {
  const id = await newOrder();
  const detail = 'You do not have permission to perform this action.';
  for (const status of ['shipped', 'nonsense']) {
    await refuse(buyer, { order_id: id, status }, [403, { detail }]);
  }
  const before = await everything(shop);
  const body = { order_id: id, status: 'shipped' };
  const stranger = await shop.call('PATCH /update-order-status/', { body });
  assert.equal(stranger.status, 401);
  assert.deepEqual(stranger.body, { detail: 'Authentication credentials were not provided.' });
  assert.deepEqual(await everything(shop), before);
});

test('an order still moves when its product is deleted', async () => {
  const lamp = await shop.product(seller);
  const id = await ordered(shop, buyer, { product_id: lamp.id });
  await shop.call(`DELETE /delete-product/?id=${lamp.id}`, { token: seller.access });
  await moved(shop, seller, { id, to: ['shipped', 'delivered'] });
  assert.equal(await statusOf(id), 'delivered');
});

test('a body that is a list is refused', async () => {
  const id = await newOrder();
  const refused = await shop.call('PATCH /update-order-status/', {
    token: seller.access,
    body: [{ order_id: id, status: 'shipped' }],
  });
  assert.equal(refused.status, 400);
  assert.deepEqual(refused.body, {
    non_field_errors: ['Invalid data. Expected a dictionary, but got list.'],
  });
  assert.equal(await statusOf(id), 'pending');
});
