import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Json, openShop, redisUrl, type TestNode, type TestShop } from '../harness.ts';
import type { User } from '../harness.ts';
import {
  addToCart,
  cartOf,
  closeCode,
  countStatuses,
  moved,
  order,
  ordered,
  stockOf,
} from '../shopping.ts';
import { setStatus, times, within } from '../shopping.ts';

// Runs twice: hints go through Redis, or there are none and nodes look for themselves.
const hints = redisUrl === undefined ? 'without Redis' : 'with Redis';

let shop: TestShop;
let other: TestNode;
let seller: User;
let buyer: User;
before(async () => {
  shop = await openShop();
  other = await shop.node();
  [seller, buyer] = [await shop.seller(), await shop.buyer()];
});
after(async () => {
  assert.deepEqual(await shop.violations(), []);
  await shop.close();
});

const products = async (node: TestNode, query = ''): Promise<Json[]> =>
  (await node.call(`GET /list-product/?page=last${query}`, { token: buyer.access })).body.results;

/** Warms the list of the other node, writes on the first, and waits a second for the second. */
async function isSeenWithinASecond(
  write: () => Promise<unknown>,
  check: () => Promise<void>,
): Promise<void> {
  await products(other);
  await write();
  await within(1_000, check);
}

test(`a write on one node is in the lists of the other within a second, ${hints}`, async () => {
  const find = async (id: string, query = '') =>
    (await products(other, query)).find((one) => one.id === id);
  let bell: Json;
  await isSeenWithinASecond(
    async () => (bell = await shop.product(seller, { name: 'Bell', stock: 2 })),
    async () => assert.deepEqual(await find(bell.id), bell),
  );
  const edit = { id: bell.id, name: 'Gong', price: 5 };
  await isSeenWithinASecond(
    () => shop.call('PATCH /product/', { token: seller.access, body: edit }),
    async () => assert.deepEqual(await find(bell.id), { ...bell, ...edit }),
  );
  await isSeenWithinASecond(
    () => ordered(shop, buyer, { product_id: bell.id }),
    async () => assert.equal((await find(bell.id)).stock, 1),
  );
  assert.equal((await find(bell.id, '&in_stock=true')).stock, 1);
  await isSeenWithinASecond(
    () => ordered(shop, buyer, { product_id: bell.id }),
    async () => assert.equal(await find(bell.id, '&in_stock=true'), undefined),
  );
  const renamed = { category_id: bell.category.id, name: 'Loud things' };
  await isSeenWithinASecond(
    () => shop.call('PATCH /category/', { token: seller.access, body: renamed }),
    async () => assert.equal((await find(bell.id)).category.name, 'Loud things'),
  );
  await isSeenWithinASecond(
    () => shop.call(`DELETE /delete-product/?id=${bell.id}`, { token: seller.access }),
    async () => assert.equal(await find(bell.id), undefined),
  );
});

test('a cart and an order are the same on both nodes, at once', async () => {
  const bell = await shop.product(seller);
  const ann = await shop.buyer();
  await addToCart(shop, ann, { product_id: bell.id });
  await addToCart(other, ann, { product_id: bell.id, quantity: 2 });
  assert.deepEqual(await cartOf(shop, ann), [[bell.id, 3]]);
  const placed = await other.call('POST /place-order/', { token: ann.access });
  assert.equal(placed.status, 201);
  assert.deepEqual(await cartOf(shop, ann), []);
  const { body } = await shop.call('GET /list-user-order/', { token: ann.access });
  assert.equal(body.results[0].id, placed.body.order_id);
  await moved(shop, seller, { id: placed.body.order_id, to: ['shipped'] });
  const change = { order_id: placed.body.order_id, status: 'shipped' };
  const again = await setStatus(other, seller, change);
  assert.deepEqual([again.status, again.body], [400, { error: 'Order already in this status' }]);
});

test(`a notification reaches the sockets of every node, ${hints}`, async () => {
  const bell = await shop.product(seller, { stock: 100 });
  const ann = await shop.buyer();
  const path = `/ws/notifications/${ann.access}/?after=0`;
  const sockets = [await shop.socket(path), await other.socket(path)];
  for (const node of [shop, other]) {
    const id = await ordered(node, ann, { product_id: bell.id });
    await moved(node === shop ? other : shop, seller, { id, to: ['shipped'] });
  }
  const heard = await Promise.all(sockets.map((socket) => socket.receive(4)));
  assert.deepEqual(heard[0], heard[1]);
  assert.deepEqual(
    heard[0]?.map(({ offset, status }) => [offset, status]),
    [
      [1, 'pending'],
      [2, 'shipped'],
      [3, 'pending'],
      [4, 'shipped'],
    ],
  );
  for (const socket of sockets) await socket.close();
});

test(`a logout on one node ends the session on the other within a second, ${hints}`, async () => {
  const ann = await shop.buyer();
  const { body } = await shop.call('POST /auth/ws-ticket/', { token: ann.access });
  const socket = await other.socket(`/ws/notifications/${body.ticket}/`);
  await within(1_000, async () => {
    assert.equal((await other.call('GET /cart/', { token: ann.access })).status, 200);
  });
  const began = Date.now();
  await shop.call('POST /auth/logout/', { token: ann.access });
  await within(1_000, async () => {
    assert.equal((await other.call('GET /cart/', { token: ann.access })).status, 401);
  });
  assert.equal(await closeCode(socket), 4401);
  assert.ok(Date.now() - began < 1_000, `${Date.now() - began} ms`);
  const refreshed = await other.call('POST /auth/get-access-token/', {
    body: { refresh: ann.refresh },
  });
  assert.deepEqual([refreshed.status, refreshed.body], [400, { error: 'Token is blacklisted' }]);
});

test('the last unit goes to one of two buyers who take it on two nodes at once', async () => {
  const [ann, bob] = [await shop.buyer(), await shop.buyer()];
  for (let round = 0; round < 20; round += 1) {
    const vase = await shop.product(seller, { name: 'Vase', stock: 1 });
    const answers = await Promise.all([
      order(shop, ann, [{ product_id: vase.id }]),
      order(other, bob, [{ product_id: vase.id }]),
    ]);
    assert.deepEqual(countStatuses(answers), { 201: 1, 400: 1 });
    const refused = answers.find(({ status }) => status === 400);
    assert.deepEqual(refused?.body, { error: 'Insufficient stock for product Vase' });
    assert.equal(await stockOf(shop, vase), 0);
  }
});

test('two nodes that sell the same things to many never sell more than there is', async () => {
  const buyers = await Promise.all(times(20, () => shop.buyer()));
  const things = [
    await shop.product(seller, { stock: 50 }),
    await shop.product(seller, { stock: 50 }),
  ];
  const answers = await Promise.all(
    times(120, (index) => {
      // Half of them ask in the other order: a deadlock, were rows not locked in one order.
      const lines = things.map(({ id }) => ({ product_id: id }));
      const wanted = index % 4 < 2 ? lines : lines.toReversed();
      return order(index % 2 === 0 ? shop : other, buyers[index % 20] as User, wanted);
    }),
  );
  assert.deepEqual(countStatuses(answers), { 201: 50, 400: 70 });
  const stocks = await Promise.all(things.map((thing) => stockOf(shop, thing)));
  assert.deepEqual(stocks, [0, 0]);
});
