import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Json, User } from '../harness.ts';
import { newDatabase, query } from '../program-data.ts';
import { cleanUp, run, type ServedShop, serve } from '../program.ts';
import { nobodysId } from '../shopping.ts';
import { offer, register } from '../traffic.ts';

after(cleanUp);

let settings: { DATABASE_URL: string };
let shop: ServedShop;
let ann: User;
let bell: Json;
before(async () => {
  settings = await newDatabase();
  shop = await serve(settings);
  bell = await offer(shop, await register(shop, 'creator'), 10);
  ann = await register(shop, 'viewer');
  const body = { products: [{ product_id: bell.id, quantity: 3 }] };
  const placed = await shop.call('POST /place-order/', { token: ann.access, body });
  assert.equal(placed.status, 201);
});

const statements = (text: string) => query(settings.DATABASE_URL, text);

/** Verify finds exactly this broken, and shows the rows. */
async function finds(name: string, row: object): Promise<void> {
  const { code, stdout, stderr } = await run(['verify'], settings);
  assert.deepEqual([code, stderr], [1, '']);
  const failed = [...stdout.matchAll(/^FAIL {2}(I\d+) .*\n {8}(\{.*\})$/gm)];
  assert.deepEqual(
    failed.map((match) => [match[1], JSON.parse(match[2] ?? '')]),
    [[name, row]],
  );
  assert.match(stdout, /\nSome invariants do NOT hold\.\n$/);
}

test('verify proves a sound shop while it serves', async () => {
  const { code, stdout, stderr } = await run(['verify'], settings);
  assert.deepEqual([code, stderr], [0, '']);
  const checked = [...stdout.matchAll(/^ok {4}(I\d+) /gm)].map((match) => match[1]);
  assert.deepEqual(checked, ['I1', 'I2', 'I4', 'I5', 'I6', 'I7', 'I7', 'I12', 'I12']);
  assert.match(stdout, /\nAll invariants hold\.\n$/);
});

test('verify finds stock that somebody changed by hand', async () => {
  await statements(`UPDATE products SET stock = stock + 5`);
  await finds('I2', { id: bell.id, stock: 12, moved: 10, sold: 3 });
  await statements(`UPDATE products SET stock = stock - 5`);
});

test('verify finds a total that is not the sum of its lines', async () => {
  const [order] = await statements(`UPDATE orders SET total_minor = total_minor + 1
    RETURNING id, total_minor, seller_id`);
  const total_minor = Number(order.total_minor);
  const row = {
    id: order.id,
    total_minor,
    total: String(total_minor - 1),
    sellers: [order.seller_id],
  };
  await finds('I6', row);
  await statements(`UPDATE orders SET total_minor = total_minor - 1`);
});

test('verify finds a key that stands for an order that is not there', async () => {
  const outcome = `{"orderIds": ["${nobodysId}"]}`;
  await statements(`INSERT INTO idempotency_keys (user_id, key, request_hash, outcome)
    VALUES (${ann.id}, 'lost', '', '${outcome}')`);
  await finds('I4', { user_id: ann.id, key: 'lost', outcome });
  await statements(`UPDATE idempotency_keys SET outcome = NULL`);
  await finds('I4', { user_id: ann.id, key: 'lost', outcome: null });
  await statements(`DELETE FROM idempotency_keys`);
});

test('verify finds orders that were counted wrong', async () => {
  await statements(`UPDATE streams SET orders_placed = 2 WHERE user_id = ${ann.id}`);
  await finds('I12', { user_id: ann.id, orders_placed: 2, orders: 1 });
  await statements(`UPDATE streams SET orders_placed = 1 WHERE user_id = ${ann.id}`);
});

test('verify finds products that were counted wrong', async () => {
  const right = { listed_products: 1, in_stock_products: 1, listed: 1, in_stock: 1 };
  await statements(`UPDATE catalog_state SET listed_products = listed_products + 1`);
  await finds('I12', { category_id: null, ...right, listed_products: 2 });
  await statements(`UPDATE catalog_state SET listed_products = listed_products - 1`);
  await statements(`UPDATE category_counts SET in_stock_products = in_stock_products - 1`);
  await finds('I12', { category_id: bell.category.id, ...right, in_stock_products: 0 });
  await statements(`UPDATE category_counts SET in_stock_products = in_stock_products + 1`);
});

test('verify finds a notification that got lost', async () => {
  await statements(`UPDATE streams SET last_offset = 2 WHERE user_id = ${ann.id}`);
  await finds('I7', { user_id: ann.id, last_offset: 2, events: 1, first: 1, last: 1 });
  await statements(`UPDATE streams SET last_offset = 1 WHERE user_id = ${ann.id}`);
  assert.equal((await run(['verify'], settings)).code, 0);
});
