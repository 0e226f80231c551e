import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, afterEach, before, test } from 'node:test';
import { changeCarts } from '../../src/features/cart/change-carts.ts';
import { updateOrderStatuses } from '../../src/features/orders/order-status.ts';
import { errorCode } from '../../src/kernel/db-errors.ts';
import { Unavailable } from '../../src/kernel/errors.ts';
import { type Answer, type Json, openShop, type TestShop, type User } from '../harness.ts';
import { HeldLock } from '../held-lock.ts';
import { query } from '../program-data.ts';
import { addToCart, order, orderCart, ordered, times } from '../shopping.ts';

// Idempotency key → cart lines → products by id → orders by id → streams by user id → counts of
// categories by id → catalog counters. Each test stops a request at one lock and looks which others
// it has by then: red when an ORDER BY before FOR UPDATE goes, or when two of the steps in
// place-orders.ts, order-status.ts or change-carts.ts change places.

let shop: TestShop;
let seller: User;
let buyer: User;
let things: Json[]; // in the order of their ids
let key: string;
before(async () => {
  shop = await openShop();
  [seller, buyer] = [await shop.seller(), await shop.buyer()];
  const { id: category_id } = await shop.category(seller);
  const made = await Promise.all(times(4, () => shop.product(seller, { category_id, stock: 1 })));
  things = made.toSorted((a, b) => (a.id < b.id ? -1 : 1));
});
after(() => shop.close());
afterEach(async () => assert.deepEqual(await shop.violations(), []));

const idOf = (index: number): string => things[index].id;
const ofUser = ({ id }: User): string => `SELECT 1 FROM streams WHERE user_id = ${id}`;
const ofProduct = (index: number): string => `SELECT 1 FROM products WHERE id = '${idOf(index)}'`;
const ofCart = (index: number): string =>
  `SELECT 1 FROM cart_lines WHERE buyer_id = ${buyer.id} AND product_id = '${idOf(index)}'`;
const ofCounts = (id: string): string =>
  `SELECT 1 FROM category_counts WHERE category_id = '${id}'`;
const counters = 'SELECT 1 FROM catalog_state';

/** Selects of single rows, by a name for each. */
type Rows = Record<string, string>;

/** Which of the rows somebody has locked; at one moment, as nobody waits for a lock for long. */
async function locked(rows: Rows): Promise<string[]> {
  const names = Object.keys(rows);
  const looks = Object.values(rows).map(
    (select, index) => `r${index} AS (${select} FOR NO KEY UPDATE SKIP LOCKED)`,
  );
  const found = names.map((name, index) => `NOT EXISTS (SELECT FROM r${index}) AS "${name}"`);
  const text = `WITH ${looks.join(', ')} SELECT ${found.join(', ')}`;
  const [state] = await query(shop.databaseUrl, text);
  return names.filter((name) => state[name]);
}

/** Whether somebody is about to use the key. */
async function isKeyTaken(): Promise<boolean> {
  const insert = `
    SET lock_timeout = 50;
    INSERT INTO idempotency_keys (user_id, key, request_hash) VALUES (${buyer.id}, '${key}', '')`;
  try {
    await query(shop.databaseUrl, `BEGIN; ${insert}; ROLLBACK`);
    return false;
  } catch (error) {
    assert.equal(errorCode(error), '55P03');
    return true;
  }
}

/** Holds a row while `ask` wants it, and looks. @returns what was locked by then */
async function stoppedAt(
  row: string,
  { ask, look }: { ask: () => Promise<Pick<Answer, 'status' | 'text'>>; look: Rows },
): Promise<string[]> {
  const held = await HeldLock.take(shop.databaseUrl, `${row} FOR NO KEY UPDATE`);
  const asking = ask();
  await held.isWanted();
  const [rows, isTaken] = await Promise.all([locked(look), isKeyTaken()]);
  const found = [...(isTaken ? ['key'] : []), ...rows];
  await held.release();
  const { status, text } = await asking;
  assert.ok([200, 201, 400, 503].includes(status), text);
  return found;
}

test('an order locks products in the order of their ids, whatever order they come in', async () => {
  key = randomUUID();
  const wanted = [2, 0, 3, 1].map((index) => ({ product_id: idOf(index), quantity: 9 }));
  const ask = (): Promise<Answer> => order(shop, buyer, wanted);
  const products = (...indexes: number[]): Record<string, string> =>
    Object.fromEntries(indexes.map((index) => [`product ${index}`, ofProduct(index)]));
  const all = [0, 1, 2, 3];
  for (const at of all) {
    const look = products(...all.filter((index) => index !== at));
    const before = all.filter((index) => index < at).map((index) => `product ${index}`);
    assert.deepEqual(await stoppedAt(ofProduct(at), { ask, look }), before, `at product ${at}`);
  }
});

test('an order of a cart takes key, cart lines, products, streams, counts, counters', async () => {
  const places = {
    'cart line 0': ofCart(0),
    'cart line 1': ofCart(1),
    'product 0': ofProduct(0),
    'product 1': ofProduct(1),
    'the first stream': ofUser(seller.id < buyer.id ? seller : buyer),
    'the second stream': ofUser(seller.id < buyer.id ? buyer : seller),
    'counts of the category': ofCounts(things[0].category.id),
    counters,
  };
  const names = Object.keys(places);
  for (const [at, [name, row]] of Object.entries(places).entries()) {
    await refill();
    key = randomUUID();
    const look = Object.fromEntries(Object.entries(places).filter(([other]) => other !== name));
    const ask = (): Promise<Answer> => orderCart(shop, buyer, { 'idempotency-key': key });
    const found = await stoppedAt(row, { ask, look });
    assert.deepEqual(found, ['key', ...names.slice(0, at)], `at ${name}`);
  }
});

test('last units of several categories lock their counts in the order of the ids', async () => {
  key = randomUUID();
  const categories = await Promise.all(times(3, () => shop.category(seller)));
  const ids = categories.map(({ id }): string => id).toSorted((a, b) => (a < b ? -1 : 1));
  const rare: string[] = [];
  for (const category_id of ids.toReversed()) {
    rare.push((await shop.product(seller, { category_id, stock: 1 })).id);
  }
  const ask = (): Promise<Answer> =>
    order(
      shop,
      buyer,
      rare.map((product_id) => ({ product_id })),
    );
  for (const [at, id] of ids.entries()) {
    for (const product of rare) await restock(product);
    const others = ids.filter((other) => other !== id);
    const look = Object.fromEntries(others.map((other) => [other, ofCounts(other)]));
    assert.deepEqual(await stoppedAt(ofCounts(id), { ask, look }), ids.slice(0, at), `at ${at}`);
  }
});

async function restock(id: string): Promise<void> {
  const body = { id, stock: 1 };
  const { status } = await shop.call('PATCH /product/', { token: seller.access, body });
  assert.equal(status, 200);
}

/**
 * One of each of the first two, which are the last ones: their sale moves the counters. The second
 * comes first, so that the lines do not lie in the order of their ids.
 */
async function refill(): Promise<void> {
  for (const { id } of things.slice(0, 2).toReversed()) {
    await restock(id);
    const body = { product_id: id, quantity: 1 };
    const put = await shop.call('PATCH /cart/', { token: buyer.access, body });
    assert.equal(put.status, 200, put.text);
  }
}

test('steps of orders lock them in the order of their ids, then the streams', async () => {
  key = randomUUID();
  const bell = await shop.product(seller, { stock: 10 });
  const actor = { userId: seller.id, isOperator: false };
  for (const at of [0, 1, 2]) {
    const ids = [await newOrder(bell), await newOrder(bell)].toSorted();
    const rows = [...ids.map((id) => `SELECT 1 FROM orders WHERE id = '${id}'`), ofUser(buyer)];
    const ask = async () => {
      const steps = ids
        .toReversed()
        .map((orderId) => ({ actor, orderId, status: 'shipped' as const }));
      await updateOrderStatuses(shop.context.db, steps).catch(unlessUnavailable);
      return { status: 200, text: '' };
    };
    const look = Object.fromEntries(rows.map((row, index) => [`${index}`, row]));
    delete look[at];
    const before = [0, 1, 2].filter((index) => index < at).map(String);
    assert.deepEqual(await stoppedAt(rows[at] ?? '', { ask, look }), before, `at ${at}`);
  }
});

const newOrder = ({ id }: Json): Promise<string> => ordered(shop, buyer, { product_id: id });

/** On a slow machine the lock is held for too long, which is no matter here. */
function unlessUnavailable(error: unknown): void {
  if (!(error instanceof Unavailable)) throw error;
}

test('changes of carts lock buyers by id, then lines by buyer and product', async () => {
  key = randomUUID();
  const stranger = await shop.buyer(); // has the higher id
  await refill();
  assert.equal((await addToCart(shop, stranger, { product_id: idOf(1) })).status, 201);
  const places = [
    ...[buyer, stranger].map(({ id }) => `SELECT 1 FROM users WHERE id = ${id}`),
    ofCart(0),
    ofCart(1),
    `SELECT 1 FROM cart_lines WHERE buyer_id = ${stranger.id}`,
  ];
  const ask = async () => {
    const change = { verb: 'set' as const, productId: idOf(1), quantity: 1 };
    const changes = [stranger, buyer].map(({ id }) => ({ ...change, buyerId: id }));
    await changeCarts(shop.context.db, changes).catch(unlessUnavailable);
    return { status: 200, text: '' };
  };
  for (const [at, row] of places.entries()) {
    await refill();
    const look = Object.fromEntries(places.map((place, index) => [`place ${index}`, place]));
    delete look[`place ${at}`];
    const before = times(at, (index) => `place ${index}`);
    assert.deepEqual(await stoppedAt(row, { ask, look }), before, `at place ${at}`);
  }
});

test('emptying a cart and deleting a category lock rows in the order of their ids', async () => {
  key = randomUUID();
  const empty = (): Promise<Answer> => shop.call('DELETE /cart/', { token: buyer.access });
  for (const index of [3, 1, 0, 2]) {
    const { status } = await addToCart(shop, buyer, { product_id: idOf(index), quantity: 1 });
    assert.ok([201, 400].includes(status));
  }
  await refill();
  const lines = { 'cart line 0': ofCart(0), 'cart line 1': ofCart(1) };
  const { 'cart line 0': first, 'cart line 1': second } = lines;
  assert.deepEqual(await stoppedAt(second, { ask: empty, look: { first } }), ['first']);
  await refill();
  assert.deepEqual(await stoppedAt(first, { ask: empty, look: { second } }), []);

  const path = `DELETE /delete-category/?id=${things[0].category.id}`;
  const remove = (): Promise<Answer> => shop.call(path, { token: seller.access });
  const look = { 'product 0': ofProduct(0), 'product 2': ofProduct(2) };
  assert.deepEqual(await stoppedAt(ofProduct(1), { ask: remove, look }), ['product 0']);
});
