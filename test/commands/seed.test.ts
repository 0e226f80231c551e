import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { type Json, jwtSecret } from '../harness.ts';
import { HeldLock } from '../held-lock.ts';
import { newDataDir, newDatabase, query } from '../program-data.ts';
import { cleanUp, run, serve, start } from '../program.ts';
import { within } from '../shopping.ts';
import { register } from '../traffic.ts';

after(cleanUp);

const tables = ['users', 'categories', 'products', 'orders', 'order_lines', 'notifications'];

/** How many rows each table has, and how many orders each status. */
async function countsOf({ DATABASE_URL }: { DATABASE_URL: string }): Promise<Json> {
  const counts: Record<string, number> = {};
  for (const table of tables) {
    const [row] = await query(DATABASE_URL, `SELECT count(*)::int AS rows FROM ${table}`);
    counts[table] = row.rows;
  }
  const statuses = `SELECT status, count(*)::int AS rows FROM orders GROUP BY 1`;
  for (const { status, rows } of await query(DATABASE_URL, statuses)) counts[status] = rows;
  return counts;
}

const isSound = async (settings: Record<string, string>): Promise<void> => {
  const { code, stdout } = await run(['verify'], settings);
  assert.equal(code, 0, stdout);
};

let complete: Json; // the counts of a demo shop that was loaded at one go

test('the demo shop has something of everything, and loading it again adds nothing', async () => {
  const settings = await newDatabase();
  const first = await run(['seed'], settings);
  assert.deepEqual([first.code, first.stdout], [0, 'The demo shop is loaded.\n'], first.stderr);
  complete = await countsOf(settings);
  const { categories, products, pending, shipped, delivered } = complete;
  assert.ok(categories >= 8 && products >= 200, JSON.stringify(complete));
  assert.ok(pending > 0 && shipped > 0 && delivered > 0, JSON.stringify(complete));
  const sellers = `SELECT count(*)::int AS rows FROM users WHERE role = 'seller'`;
  assert.deepEqual(await query(settings.DATABASE_URL, sellers), [{ rows: 3 }]);
  assert.equal((await run(['seed'], settings)).code, 0);
  assert.deepEqual(await countsOf(settings), complete);
  await isSound(settings);
});

test('a demo shop whose loading is interrupted is completed by the next try', async () => {
  const settings = await newDatabase();
  assert.equal((await run(['migrate'], settings)).code, 0);
  for (const stage of ['categories', 'products', 'orders']) {
    const lock = await HeldLock.take(settings.DATABASE_URL, `LOCK TABLE ${stage} IN SHARE MODE`);
    const seeding = start(['seed'], settings);
    await lock.isWanted();
    seeding.signal('SIGINT');
    await lock.release();
    const { code, stdout, stderr } = await seeding.exited;
    assert.deepEqual([code, stderr], [1, '']);
    assert.equal(stdout, 'Stopped; run it again to load the rest.\n');
    assert.ok((await countsOf(settings))[stage] < complete[stage], stage);
  }
  assert.equal((await run(['seed'], settings)).code, 0);
  assert.deepEqual(await countsOf(settings), complete);
  await isSound(settings);
});

test('a shop with an embedded database opens with the demo, and its accounts work', async () => {
  const shop = await serve({ DATA_DIR: newDataDir(), DEMO_DATA: 'on', LOG_LEVEL: 'warn' });
  await within(2_000, async () => assert.match(shop.output(), /Souk is open/));
  const accounts = [...shop.output().matchAll(/Demo (\w+): +(\S+) +password: (\S+)/g)];
  assert.deepEqual(
    accounts.map((match) => match[1]),
    ['seller', 'buyer'],
  );
  for (const [, who, email, password] of accounts) {
    const login = await shop.call('POST /auth/login/', { body: { email, password } });
    assert.equal(login.status, 200, login.text);
    const token = login.body.access;
    const { body } = await shop.call('GET /list-product/', { token });
    assert.equal(body.total_products, complete.products);
    const orders = await shop.call('GET /list-user-order/', { token });
    assert.equal(orders.status, who === 'buyer' ? 200 : 403);
    if (who === 'buyer') assert.ok(orders.body.count > 0);
  }
});

test('DEMO_DATA decides whether a shop begins empty', async () => {
  const [external, used] = [await newDatabase(), await newDatabase()];
  const embedded = { DATA_DIR: newDataDir(), JWT_SECRET: jwtSecret, DEMO_DATA: 'off' };
  for (const settings of [external, embedded]) {
    const shop = await serve(settings);
    const { access } = await register(shop, 'viewer');
    assert.deepEqual((await shop.call('GET /list-category/', { token: access })).body, []);
    const { body } = await shop.call('GET /list-product/', { token: access });
    assert.equal(body.total_products, 0);
    assert.doesNotMatch(shop.output(), /Demo/);
  }
  await register(await serve(used), 'viewer');
  await serve({ ...used, DEMO_DATA: 'on' });
  const counts = await countsOf(used);
  assert.deepEqual([counts.users, counts.products], [1, 0]); // somebody's shop is left alone
});
