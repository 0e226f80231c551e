import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { sql } from '../../src/kernel/db.ts';
import { Unavailable } from '../../src/kernel/errors.ts';
import { limits } from '../../src/kernel/limits.ts';
import { type Json, openShop, type TestShop, type User } from '../harness.ts';
import { HeldLock } from '../held-lock.ts';
import { addToCart, countStatuses, ordered, setStatus, times } from '../shopping.ts';

// Who waits for a row that somebody holds for long shares a batch with others: not their fate.

let shop: TestShop;
let seller: User;
let bell: Json;
before(async () => {
  shop = await openShop();
  seller = await shop.seller();
  bell = await shop.product(seller, { stock: 1000 });
});
after(async () => {
  assert.deepEqual(await shop.violations(), []);
  await shop.close();
});

test('a buyer whose row is held does not keep the carts of others', async () => {
  const [unlucky, ...others] = (await Promise.all(times(5, () => shop.buyer()))) as [User];
  const row = `SELECT FROM users WHERE id = ${unlucky.id} FOR UPDATE`;
  const add = (buyer: User) => addToCart(shop, buyer, { product_id: bell.id });
  const lock = await HeldLock.take(shop.databaseUrl, row);
  const first = add(unlucky);
  await lock.isWanted();
  const asked = [...others, unlucky, ...others].map(add);
  assert.equal((await first).status, 503);
  assert.deepEqual(countStatuses(await Promise.all(asked)), { 201: 8, 503: 1 });
  await lock.release();
  assert.equal((await add(unlucky)).body.total_items, 1);
});

test('who hardly waited for a lock refuses nobody in line for a connection', async () => {
  const { db } = shop.context;
  const { id } = await shop.buyer();
  const lock = await HeldLock.take(
    shop.databaseUrl,
    `SELECT FROM users WHERE id = ${id} FOR UPDATE`,
  );
  const wanted = db.impatient.transaction((tx) =>
    tx.rows(sql`SELECT FROM users WHERE id = ${id} FOR UPDATE`),
  );
  const refused = assert.rejects(wanted, Unavailable);
  // All other connections are busy for longer than that, and as many wait for them.
  const busy = times(2 * limits.databaseConnections, () => db.rows(sql`SELECT pg_sleep(0.4)`));
  await refused;
  await Promise.all(busy);
  await lock.release();
});

test('many who change carts while somebody has the products are told soon', async () => {
  const buyers = (await Promise.all(times(40, () => shop.buyer()))) as [User];
  const add = (buyer: User) => addToCart(shop, buyer, { product_id: bell.id });
  const lock = await HeldLock.take(shop.databaseUrl, 'LOCK TABLE products');
  const first = add(buyers[0]);
  await lock.isWanted();
  const began = performance.now();
  const answers = await Promise.all([first, ...buyers.slice(1).map(add)]);
  const tookMs = performance.now() - began;
  await lock.release();
  assert.deepEqual(countStatuses(answers), { 503: 40 });
  // Not the time of a lock for each of them, one after the other.
  assert.ok(tookMs < 3 * limits.lockTimeoutMs, `${tookMs.toFixed(0)} ms`);
  assert.equal((await add(buyers[0])).body.total_items, 1);
});

test('an order whose row is held does not keep the steps of others', async () => {
  const buyer = await shop.buyer();
  const ids = await Promise.all(times(5, () => ordered(shop, buyer, { product_id: bell.id })));
  const ship = (order_id = '') => setStatus(shop, seller, { order_id, status: 'shipped' });
  const lock = await HeldLock.take(
    shop.databaseUrl,
    `SELECT FROM orders WHERE id = '${ids[0]}' FOR UPDATE`,
  );
  const first = ship(ids[0]);
  await lock.isWanted();
  const asked = [ids[1], ids[0], ids[2], ids[3], ids[4]].map(ship);
  assert.equal((await first).status, 503);
  assert.deepEqual(countStatuses(await Promise.all(asked)), { 200: 4, 503: 1 });
  await lock.release();
  assert.equal((await ship(ids[0])).status, 200);
});
