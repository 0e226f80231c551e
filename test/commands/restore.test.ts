import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { OperatorError } from '../../src/kernel/errors.ts';
import { backedUp, contentOf, fillAwkwardly, forged, kept, loaded, tablesOf } from '../backups.ts';
import { newDatabase, query } from '../program-data.ts';
import { cleanUp, run, serve } from '../program.ts';
import { register } from '../traffic.ts';

after(cleanUp);

let source: { DATABASE_URL: string; JWT_SECRET: string };
let file: string;
before(async () => {
  source = await newDatabase();
  assert.equal((await run(['seed'], source)).code, 0);
  await fillAwkwardly(source.DATABASE_URL);
  file = await backedUp(source);
});

test('a restored shop has every row to the letter, but nobody is logged in', async () => {
  const target = await newDatabase();
  const { code, stdout, stderr } = await run(['restore', file], target);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^The backup of \S+ is whole: \d+ rows of \d+ tables, by Souk /);
  assert.match(stdout, /\nThe shop is restored\. Everybody logs in again\.\nok {4}I1 /);
  assert.match(stdout, /\nAll invariants hold\.\n$/);
  assert.match(stderr, /^ {2}products +\d+ rows +0\.1 MB +\d+\.\d s$/m);
  const [given, restored] = [source, target].map(({ DATABASE_URL }) => contentOf(DATABASE_URL));
  const [before, now] = [await given, await restored];
  assert.deepEqual(kept(now ?? {}), kept(before ?? {}));
  assert.deepEqual([now?.['sessions'], now?.['socket_tickets']], [[], []]);
  // What nodes share in Redis is kept under the id of the shop: the copy has its own.
  assert.notDeepEqual(now?.['shop'], before?.['shop']);
  const shops = `SELECT id, currency FROM shop`;
  const [one, other] = await Promise.all(
    [source, target].map(({ DATABASE_URL }) => query(DATABASE_URL, shops)),
  );
  assert.deepEqual(one, other);
  assert.deepEqual(await schemaOf(target.DATABASE_URL), await schemaOf(source.DATABASE_URL));
});

/** Columns, constraints and indexes, and where sequences stand. */
const schemaOf = (url: string): Promise<object[]> =>
  query(
    url,
    `SELECT table_name AS of, column_name || ' ' || data_type AS it, is_nullable || column_default
       FROM information_schema.columns WHERE table_schema = 'public'
     UNION SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
       WHERE connamespace = 'public'::regnamespace
     UNION SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
     UNION SELECT sequencename, '', last_value::text FROM pg_sequences ORDER BY 1, 2, 3`,
  );

test('a database that a start made is empty; one with an account is refused as it is', async () => {
  const target = await newDatabase();
  assert.equal((await run(['migrate'], target)).code, 0);
  assert.equal((await run(['restore', file, '--quiet'], target)).code, 0);
  const before = await contentOf(target.DATABASE_URL);
  const { code, stderr } = await run(['restore', file, '--quiet'], target);
  assert.equal(code, 2);
  assert.match(stderr, /^This database is not empty: there are rows in categories, .*users\. /);
  assert.match(stderr, /Nothing was changed\.\n$/);
  assert.deepEqual(await contentOf(target.DATABASE_URL), before);
});

test('a database of something else is refused as it is', async () => {
  const target = await newDatabase();
  await query(target.DATABASE_URL, 'CREATE TABLE holidays (day date)');
  const { code, stderr } = await run(['restore', file, '--quiet'], target);
  assert.equal(code, 2);
  assert.match(stderr, /^This database has tables that are not of Souk, such as holidays\. /);
  assert.deepEqual(await tablesOf(target.DATABASE_URL), ['holidays']);
});

test('a database on which a shop runs is refused', async () => {
  const target = await newDatabase();
  const shop = await serve(target);
  const { code, stderr } = await run(['restore', file, '--quiet'], target);
  assert.equal(code, 2);
  const words = 'A shop is running on this database. Stop it first. Nothing was changed.\n';
  assert.equal(stderr, words);
  assert.ok((await register(shop, 'viewer')).id > 0);
});

const headers: [string, (text: string) => string, RegExp][] = [
  [
    'unknown migration',
    (text) => text.replace('"migrations":[', '"migrations":[{"number":999,"name":"x.sql"},'),
    /^The backup has migration 999, which this version of Souk does not know\. Restore it with /,
  ],
  [
    'edited migration',
    (text) => text.replace(/"checksum":"../, '"checksum":"xx'),
    /^Migration 001_shop\.sql was edited after the shop of this backup ran it\./,
  ],
  [
    'missing table',
    (text) =>
      text
        .replace(/\{"name":"cart_lines".*?\},/, '')
        .replace(/.*"cart_lines"\}\n\\\.\n/, '')
        .replace('"cart_lines":0,', ''),
    /^lacks the table cart_lines$/,
  ],
  [
    'missing column',
    (text) => text.replace(',"user_type"', ''),
    /^has other columns in users \(.*\) than its migrations make \(.*user_type.*\)$/,
  ],
  [
    'rows that break a rule of the schema',
    (text) => text.replace(/\tseller\t/, '\tking\t'),
    /^The database refused the rows of users: .*users_role_check/,
  ],
];
for (const [what, change, words] of headers) {
  test(`a backup is refused for its ${what}, and the target stays empty`, async () => {
    const { DATABASE_URL } = await newDatabase();
    await assert.rejects(loaded(DATABASE_URL, forged(file, change)), (error) => {
      assert.ok(error instanceof OperatorError, String(error));
      assert.match(error.message, words);
      assert.doesNotMatch(error.message, /argon2/);
      return true;
    });
    assert.deepEqual(await tablesOf(DATABASE_URL), []);
  });
}

test('a backup in another currency is refused', async () => {
  const target = await newDatabase();
  const refused = await run(['restore', file, '--quiet'], { ...target, CURRENCY: 'EUR' });
  assert.equal(refused.code, 2);
  const words = 'The backup keeps its money in USD, but CURRENCY is EUR. Set CURRENCY=USD.\n';
  assert.equal(refused.stderr, words);
  assert.deepEqual(await tablesOf(target.DATABASE_URL), []);
});

test('rows that break an invariant are restored, and told', async () => {
  const target = await newDatabase();
  const broken = forged(file, (text) => text.replace(/\tinitial\t\d+\t/, '\tinitial\t77777\t'));
  const { code, stdout } = await run(['restore', broken, '--quiet'], target);
  assert.equal(code, 1);
  assert.match(stdout, /^FAIL {2}I2 .*\n {8}\{"id":".*"moved":"?77777/m);
  assert.match(stdout, /\nSome invariants do NOT hold\.\n$/);
});

test('--check reads the file and asks no database', async () => {
  const nowhere = { DATABASE_URL: 'postgres://127.0.0.1:1/none', JWT_SECRET: source.JWT_SECRET };
  const { code, stdout, stderr } = await run(['restore', file, '--check', '--quiet'], nowhere);
  assert.deepEqual([code, stderr], [0, '']);
  assert.match(stdout, /^The backup of \S+ is whole: .*\n$/);
  const refused = await run(['restore', file, '--quiet'], nowhere);
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /^Cannot use the database: .*ECONNREFUSED/);
});
