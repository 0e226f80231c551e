import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { projectRoot } from '../../src/kernel/root.ts';
import { fillAwkwardly } from '../backups.ts';
import { newDatabase, query } from '../program-data.ts';
import { HeldLock } from '../held-lock.ts';
import { cleanUp, run } from '../program.ts';
import { within } from '../shopping.ts';

after(cleanUp);

const files = readdirSync(join(projectRoot(), 'migrations')).toSorted();
const upToDate = 'The schema is up to date.\n';

const applied = async (url: string): Promise<string[]> => {
  const rows = await query(url, 'SELECT name FROM schema_migrations ORDER BY number');
  return rows.map(({ name }) => name);
};

test('migrate says what it ran, and the next time that there is nothing to do', async () => {
  const settings = await newDatabase();
  const first = await run(['migrate'], settings);
  assert.deepEqual([first.code, first.stderr], [0, '']);
  assert.equal(first.stdout, `Migrated: ${files.join(', ')}\n`);
  assert.deepEqual(await applied(settings.DATABASE_URL), files);
  const second = await run(['migrate'], settings);
  assert.deepEqual([second.code, second.stdout, second.stderr], [0, upToDate, '']);
  assert.deepEqual(await applied(settings.DATABASE_URL), files);
});

test('of two migrations at once one does the work and the other waits for it', async () => {
  const settings = await newDatabase();
  const all = await Promise.all([1, 2].map(() => run(['migrate'], settings)));
  assert.deepEqual(
    all.map(({ code, stderr }) => [code, stderr]),
    [
      [0, ''],
      [0, ''],
    ],
  );
  const ran = all.flatMap(({ stdout }) =>
    stdout === upToDate ? [] : stdout.replace('Migrated: ', '').trim().split(', '),
  );
  assert.deepEqual(ran.toSorted(), files);
});

test('a migration that was edited after it ran is refused by every command', async () => {
  const settings = await newDatabase();
  await run(['migrate'], settings);
  await query(
    settings.DATABASE_URL,
    `UPDATE schema_migrations SET checksum = 'another' WHERE number = 1`,
  );
  for (const command of ['serve', 'migrate']) {
    const { code, stdout, stderr } = await run([command], settings);
    assert.deepEqual([code, stdout], [2, '']);
    assert.equal(
      stderr,
      `Migration ${files[0]} was edited after this database ran it. Undo the edit and put the ` +
        'change into a new migration.\n',
    );
  }
});

test('a database of a newer Souk is refused and left as it is', async () => {
  const settings = await newDatabase();
  await run(['migrate'], settings);
  await query(
    settings.DATABASE_URL,
    `INSERT INTO schema_migrations (number, name, checksum) VALUES (999, '999_next.sql', 'x')`,
  );
  const before = await applied(settings.DATABASE_URL);
  const { code, stdout, stderr } = await run(['serve'], settings);
  assert.deepEqual([code, stdout], [2, '']);
  assert.match(stderr, /^The database has migration 999, which this version of Souk does not know/);
  assert.deepEqual(await applied(settings.DATABASE_URL), before);
});

test('what a shop has in stock is counted when it learns to keep the count', async () => {
  const settings = await newDatabase();
  const url = settings.DATABASE_URL;
  await run(['migrate'], settings);
  await fillAwkwardly(url);
  const [stocked] = await query(url, 'UPDATE products SET stock = 5 RETURNING id, category_id');
  await query(
    url,
    `INSERT INTO stock_movements (id, product_id, kind, quantity)
      SELECT gen_random_uuid(), id, 'initial', stock FROM products;
    UPDATE products SET archived_at = now() WHERE id = '${stocked.id}';
    ALTER TABLE categories ADD COLUMN listed_products bigint NOT NULL DEFAULT 0;
    UPDATE catalog_state SET
      listed_products = (SELECT count(*) FROM products WHERE archived_at IS NULL);
    ALTER TABLE catalog_state DROP COLUMN in_stock_products;
    DROP TABLE category_counts;
    DELETE FROM schema_migrations WHERE number = 5`,
  );
  assert.equal((await run(['migrate'], settings)).stdout, 'Migrated: 005_in_stock_counts.sql\n');
  const counts = await query(url, 'SELECT * FROM category_counts');
  const counted = counts.filter(({ in_stock_products }) => Number(in_stock_products) === 1);
  assert.deepEqual([counts.length, counted.length], [7, 6]);
  assert.equal((await run(['verify'], settings)).code, 0);
});

test('orders that nobody counted are counted when every version counts them', async () => {
  const settings = await newDatabase();
  const url = settings.DATABASE_URL;
  await run(['migrate'], settings);
  await fillAwkwardly(url);
  await query(
    url,
    `INSERT INTO users (email, password_hash, role, user_type)
      SELECT n || '@counted.example', '', 'buyer', 'viewer' FROM generate_series(1, 4) AS n;
    INSERT INTO streams (user_id) SELECT id FROM users ON CONFLICT DO NOTHING;
    INSERT INTO orders (id, checkout_id, buyer_id, seller_id, total_minor)
      SELECT gen_random_uuid(), gen_random_uuid(), id, id, 0 FROM users, generate_series(1, 3);
    ALTER TABLE streams ADD COLUMN orders_counted_to bigint NOT NULL DEFAULT 0;
    UPDATE streams SET last_offset = 6;
    UPDATE streams SET orders_placed = 3, orders_counted_to = 6 WHERE user_id % 2 = 0;
    UPDATE streams SET orders_placed = 2, orders_counted_to = 5 WHERE user_id = 1;
    DELETE FROM schema_migrations WHERE number = 7`,
  );
  assert.equal((await run(['migrate'], settings)).stdout, 'Migrated: 007_orders_counted.sql\n');
  const counts = await query(url, 'SELECT DISTINCT orders_placed::int AS count FROM streams');
  assert.deepEqual(counts, [{ count: 3 }]);
});

test('a migration waits for a backup without keeping anybody else waiting', async () => {
  const settings = await newDatabase();
  const url = settings.DATABASE_URL;
  await run(['migrate'], settings);
  await query(
    url,
    `DROP TABLE account_changes;
    ALTER TABLE sessions DROP COLUMN revoked_for;
    DROP INDEX sessions_live_of_user;
    ALTER TABLE users DROP COLUMN disabled_at;
    DELETE FROM schema_migrations WHERE number = 2`,
  );
  const backup = await HeldLock.take(url, 'LOCK TABLE users IN ACCESS SHARE MODE');
  const migrating = run(['migrate'], settings);
  await backup.isWanted();
  const from = performance.now();
  await query(url, 'SELECT FROM users');
  assert.ok(performance.now() - from < 1_500, 'a request behind the migration');
  await within(5_000, async () => {
    const waiting = await query(
      url,
      `SELECT FROM pg_stat_activity
      WHERE wait_event_type = 'Lock' AND datname = current_database()`,
    );
    assert.equal(waiting.length, 0, 'a pause');
  });
  await backup.release();
  const { code, stdout } = await migrating;
  assert.equal(code, 0);
  assert.match(stdout, /waits for tables that another session has in use/);
  assert.match(stdout, /^Migrated: 002_disabled_accounts.sql$/m);
});
