import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import pg from 'pg';
import { fill, LARGE_CATEGORY } from '../../bench/growth-fill.ts';
import { openShop, type TestShop } from '../harness.ts';
import { useEverything } from './journey.ts';
import { type PlanMode, planModes, prepareToPlan, readWhole } from './plans.ts';
import { collectStatements, squeeze, statementsWrittenIn, wasSent } from './statements.ts';

// Every statement that a request sends, planned on a shop that is large enough for PostgreSQL to
// prefer an index wherever there is one.

const large = { products: 20_000, orders: 50_000 };
const largeTables = [
  'users',
  'sessions',
  'streams',
  'products',
  'stock_movements',
  'cart_lines',
  'orders',
  'order_lines',
  'idempotency_keys',
  'notifications',
];

/** Statements that do: the list’s once for each state of the catalog. */
const known = [
  { statement: /count\(\*\) AS n FROM products p .*p\.in_stock\)/, what: 'nearly all of them' },
  { statement: /SET listed_products = (?!listed_products)/, what: 'a migration, and the filling' },
  { statement: /ILIKE/, what: 'a part of a word: by index where the server has pg_trgm' },
];

const sent = collectStatements();
let shop: TestShop;
let client: pg.Client;
before(async () => {
  shop = await openShop();
  client = new pg.Client({ connectionString: shop.databaseUrl });
  await client.connect();
  const silent = { say: () => undefined, signal: new AbortController().signal };
  await fill(client, { from: { products: 0, orders: 0 }, to: large }, silent);
  await useEverything(shop, LARGE_CATEGORY);
  await prepareToPlan(client);
});
after(async () => {
  await client.end();
  await shop.close();
});

test('the tables are large', async () => {
  for (const table of largeTables) {
    const { rows } = await client.query(`SELECT count(*) > 1000 AS is_large FROM ${table}`);
    assert.ok(rows[0].is_large, table);
  }
});

test('every statement of the features was sent', () => {
  const written = statementsWrittenIn('src/features');
  const missing = written.filter((one) => !wasSent(one, sent.values()));
  assert.ok(written.length > 60, `only ${written.length} were found`);
  assert.deepEqual(missing, [], 'let test/plans/journey.ts use it');
});

/** Each statement that reads something large from end to end, after what it reads. */
async function wholeReads(mode: PlanMode): Promise<string[]> {
  const reads: string[] = [];
  for (const { text, values } of sent.values()) {
    if (known.some(({ statement }) => statement.test(text))) continue;
    const found = await readWhole(client, { text, values, mode });
    const large = found.filter((name) => largeTables.some((table) => name.startsWith(table)));
    if (large.length > 0) reads.push(`${large.join(', ')}: ${squeeze(text)}`);
  }
  return reads;
}

for (const mode of planModes) {
  test(`no statement reads a large table from end to end (${mode})`, async () => {
    const reads = await wholeReads(mode);
    assert.equal(reads.join('\n'), '', 'add an index, or write it so that it uses one');
  });

  test(`an index that is missing is found (${mode})`, async () => {
    await client.query('BEGIN');
    await client.query('DROP INDEX orders_of_buyer, sessions_live_of_user');
    const tables = (await wholeReads(mode)).flatMap((text) => text.split(':')[0]?.split(', '));
    await client.query('ROLLBACK');
    assert.deepEqual(new Set(tables), new Set(['orders', 'sessions']));
  });
}
