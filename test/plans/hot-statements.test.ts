import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import pg from 'pg';
import { fill, LARGE_CATEGORY } from '../../bench/growth-fill.ts';
import { openShop, type TestShop } from '../harness.ts';
import { useEverything } from './journey.ts';
import { type PlanMode, planModes, prepareToPlan, readWhole, rowsRead } from './plans.ts';
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

/** Counted once for a state of the catalog, whichever pages are asked for. */
const known: RegExp[] = [];

const sent = collectStatements();
let shop: TestShop;
let client: pg.Client;
before(async () => {
  shop = await openShop();
  sent.clear(); // of migrations: what a start sends, the second node sends again
  await shop.node();
  client = new pg.Client({ connectionString: shop.databaseUrl });
  await client.connect();
  const silent = { say: () => undefined, signal: new AbortController().signal };
  await fill(client, { from: { products: 0, orders: 0 }, to: large }, silent);
  await useEverything(shop, LARGE_CATEGORY);
  await prepareToPlan(client);
  if (!(await hasSearchIndex())) known.push(/ILIKE/);
});
after(async () => {
  await client.end();
  await shop.close();
});

/** PostgreSQL may come without pg_trgm: then a search reads all products. */
async function hasSearchIndex(): Promise<boolean> {
  const { rowCount } = await client.query(
    `SELECT FROM pg_indexes WHERE indexname = 'products_by_words'`,
  );
  return rowCount === 1;
}

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

/** Each statement that reads something large from end to end, with what it reads. */
async function wholeReads(mode: PlanMode): Promise<{ read: string[]; text: string }[]> {
  const reads: { read: string[]; text: string }[] = [];
  for (const { text, values } of sent.values()) {
    if (known.some((pattern) => pattern.test(text))) continue;
    const found = await readWhole(client, { text, values, mode });
    const read = found.filter((name) => largeTables.some((table) => name.startsWith(table)));
    if (read.length > 0) reads.push({ read, text: squeeze(text) });
  }
  return reads;
}

for (const mode of planModes) {
  test(`no statement reads a large table from end to end (${mode})`, async () => {
    const reads = await wholeReads(mode);
    const lines = reads.map(({ read, text }) => `${read.join(', ')}: ${text}`);
    assert.equal(lines.join('\n'), '', 'add an index, or write it so that it uses one');
  });

  test(`a page after its predecessor reads hardly more than it shows (${mode})`, async () => {
    const pages = [...sent.values()].filter(({ text }) =>
      /ARRAY\(\s+SELECT p\.id FROM \(/.test(text),
    );
    assert.equal(pages.length, 6, 'one for each ordering');
    for (const page of pages) {
      const rows = await rowsRead(client, { ...page, mode });
      assert.ok(rows <= 30, `${rows} rows: ${squeeze(page.text)}`);
    }
  });

  test(`an index that is missing is found (${mode})`, async () => {
    await client.query('BEGIN');
    await client.query('DROP INDEX orders_of_buyer, sessions_live_of_user');
    const reads = await wholeReads(mode);
    await client.query('ROLLBACK');
    assert.deepEqual(new Set(reads.flatMap(({ read }) => read)), new Set(['orders', 'sessions']));
  });
}
