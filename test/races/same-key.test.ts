import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, afterEach, before, test } from 'node:test';
import { placeOrders } from '../../src/features/orders/place-orders.ts';
import { type Answer, openShop, type TestNode, type TestShop, type User } from '../harness.ts';
import { HeldLock } from '../held-lock.ts';
import { query } from '../program-data.ts';
import { addToCart, cartOf, orderCart, orderOnce, ordersOf, stockOf, times } from '../shopping.ts';

// Red without the claim of the key before all else in place-orders.ts, also when the claim is
// made in a transaction of its own.

let shop: TestShop;
let nodes: TestNode[];
let seller: User;
before(async () => {
  shop = await openShop();
  nodes = [shop, await shop.node()];
  seller = await shop.seller();
});
after(() => shop.close());
afterEach(async () => assert.deepEqual(await shop.violations(), []));

const node = (index: number): TestNode => nodes[index % nodes.length] as TestNode;
const newKey = () => ({ 'idempotency-key': randomUUID() });

/** The different answers among all. */
const kindsOf = (answers: Answer[]): string[] => [
  ...new Set(answers.map(({ status, text }) => `${status} ${text}`)),
];

for (const [where, choose] of [
  ['on one node', () => shop],
  ['on two nodes', node],
] as const) {
  test(`50 parallel requests with one key are one order, answered alike, ${where}`, async () => {
    const [buyer, bell, key] = [await shop.buyer(), await shop.product(seller), newKey()];
    const lines = [{ product_id: bell.id, quantity: 2 }];
    const answers = await Promise.all(
      times(50, (index) => orderOnce(choose(index), buyer, { products: lines, key })),
    );
    const [{ id }] = await ordersOf(shop, buyer);
    assert.deepEqual(kindsOf(answers), [
      `201 {"message":"Order placed successfully","order_id":"${id}","order_ids":["${id}"]}`,
    ]);
    assert.equal((await ordersOf(shop, buyer)).length, 1);
    assert.equal(await stockOf(shop, bell), 8);
  });

  test(`a cart ordered 50 times with one key is ordered once, ${where}`, async () => {
    const [buyer, bell, key] = [await shop.buyer(), await shop.product(seller), newKey()];
    await addToCart(shop, buyer, { product_id: bell.id, quantity: 3 });
    const answers = await Promise.all(times(50, (index) => orderCart(choose(index), buyer, key)));
    const orders = await ordersOf(shop, buyer);
    assert.deepEqual(
      answers.map(({ status, body }) => [status, body.order_ids]),
      times(50, () => [201, orders.map(({ id }) => id)]),
    );
    assert.equal(orders.length, 1);
    assert.deepEqual(await cartOf(shop, buyer), []);
    assert.equal(await stockOf(shop, bell), 7);
  });

  test(`a refusal is the same 50 times, even if stock comes in meanwhile, ${where}`, async () => {
    const [buyer, key] = [await shop.buyer(), newKey()];
    const bell = await shop.product(seller, { name: 'Bell', stock: 1 });
    const lines = [{ product_id: bell.id, quantity: 2 }];
    const asking = times(50, (index) => orderOnce(choose(index), buyer, { products: lines, key }));
    const body = { id: bell.id, stock: 1000 };
    await shop.call('PATCH /product/', { token: seller.access, body });
    assert.equal(kindsOf(await Promise.all(asking)).length, 1);
    const again = await orderOnce(shop, buyer, { products: lines, key });
    assert.deepEqual(kindsOf([...(await Promise.all(asking)), again]).length, 1);
  });
}

test('of two bodies under one key one wins, and the other is told so', async () => {
  const [buyer, bell, key] = [await shop.buyer(), await shop.product(seller), newKey()];
  const quantities = times(50, (index) => 1 + (index % 4 < 2 ? 0 : 1));
  const answers = await Promise.all(
    quantities.map((quantity, index) =>
      orderOnce(node(index), buyer, { products: [{ product_id: bell.id, quantity }], key }),
    ),
  );
  const [placed, ...more] = await ordersOf(shop, buyer);
  assert.deepEqual(more, []);
  const won = placed.items[0].quantity;
  for (const [index, { status, body }] of answers.entries()) {
    if (quantities[index] === won) assert.deepEqual([status, body.order_id], [201, placed.id]);
    else assert.equal(status, 422);
  }
  assert.equal(await stockOf(shop, bell), 10 - won);
});

test('many keys of many buyers at once: each key is one order', async () => {
  const bell = await shop.product(seller, { stock: 1000 });
  const buyers = await Promise.all(times(5, () => shop.buyer()));
  const keys = times(4, newKey);
  const answers = await Promise.all(
    times(100, (index) =>
      orderOnce(node(index >> 1), buyers[index % 5] as User, {
        products: [{ product_id: bell.id }],
        key: keys[index % 4] ?? newKey(),
      }),
    ),
  );
  assert.equal(kindsOf(answers).length, 20);
  for (const buyer of buyers) assert.equal((await ordersOf(shop, buyer)).length, 4);
  assert.equal(await stockOf(shop, bell), 980);
});

test('keys are claimed in their order, whatever order they come in', async () => {
  const { id: userId } = await shop.buyer();
  const claim = (key: string) => `
    INSERT INTO idempotency_keys (user_id, key, request_hash) VALUES (${userId}, '${key}', '')`;
  const isTaken = (key: string): Promise<boolean> =>
    query(shop.databaseUrl, `BEGIN; SET LOCAL lock_timeout = 50; ${claim(key)}; ROLLBACK`).then(
      () => false,
      () => true,
    );
  for (const at of [0, 1]) {
    const keys = ['a', 'b'].map((letter) => `${letter} ${randomUUID()}`);
    const held = await HeldLock.take(shop.databaseUrl, claim(keys[at] as string));
    const checkouts = keys.toReversed().map((key) => ({
      buyerId: userId,
      lines: [],
      claim: { userId, key, requestHash: Buffer.alloc(0) },
    }));
    const placing = Promise.allSettled([placeOrders(shop.context.db, checkouts)]);
    await held.isWanted();
    assert.equal(await isTaken(keys[1 - at] as string), at === 1, `at key ${at}`);
    await held.release();
    await placing;
  }
});
