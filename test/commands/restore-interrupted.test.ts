import assert from 'node:assert/strict';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { backedUp, newFile, tablesOf } from '../backups.ts';
import { gunzipSync, gzipSync } from 'node:zlib';
import { HeldLock } from '../held-lock.ts';
import { newDatabase, newFolder, query } from '../program-data.ts';
import { cleanUp, type Exit, kill, type Program, run, start } from '../program.ts';
import { within } from '../shopping.ts';

after(cleanUp);

let file: string;
let bytes: Buffer;
before(async () => {
  const source = await newDatabase();
  assert.equal((await run(['migrate'], source)).code, 0);
  // Rows that do not compress, so that half of the file is half of the rows.
  await query(
    source.DATABASE_URL,
    `WITH made AS (
       INSERT INTO users (email, password_hash, role, user_type)
       SELECT n || '@example.com', md5(n::text) || md5((-n)::text), 'buyer', 'viewer'
       FROM generate_series(1, 20000) n RETURNING id)
     INSERT INTO streams (user_id) SELECT id FROM made`,
  );
  file = await backedUp(source);
  bytes = readFileSync(file);
});

/** A restore that has read the first half of its backup and waits for the rest. */
async function halfRestored(target: Record<string, string>): Promise<Program> {
  const program = start(['restore', '-'], target);
  program.stdin?.write(bytes.subarray(0, bytes.length / 2));
  await within(20_000, async () => assert.match(program.output(), /users +\d/));
  return program;
}

test('Ctrl-C leaves the target as it was', async () => {
  const target = await newDatabase();
  const program = await halfRestored(target);
  program.signal('SIGINT');
  const { code, stdout, stderr } = await program.exited;
  assert.deepEqual([code, stdout], [1, '']);
  assert.match(stderr, /\nStopped; nothing was restored\.\n$/);
  assert.doesNotMatch(stderr, /^\s+at /m);
  assert.deepEqual(await tablesOf(target.DATABASE_URL), []);
});

/** A backup that is read for minutes: a table whose rows do not end. */
function endless(): string {
  const [header] = gunzipSync(bytes).toString().split('\n', 1);
  const { tables } = JSON.parse(header ?? '');
  const rows = gzipSync(Buffer.alloc(16 * 1024 * 1024, `${'row'.repeat(40)}\n`));
  const name = newFile();
  writeFileSync(name, gzipSync(`${header}\n${JSON.stringify({ table: tables[0].name })}\n`));
  for (let part = 0; part < 3_000; part += 1) appendFileSync(name, rows);
  return name;
}

/** Ends it by Ctrl-C, which it heeds within a few seconds. */
async function interrupted(program: Program): Promise<Exit> {
  program.signal('SIGINT');
  const patience = setTimeout(() => program.signal('SIGKILL'), 5_000);
  const exit = await program.exited;
  clearTimeout(patience);
  return exit;
}

test('Ctrl-C while the file is read ends it soon', async () => {
  const target = await newDatabase();
  const file = endless();
  for (const args of [
    ['restore', file, '--check'],
    ['restore', file],
    ['restore', '-', '--check'],
  ]) {
    const program = start(args, target);
    program.stdin?.write(bytes.subarray(0, bytes.length / 2));
    await within(20_000, async () => assert.match(program.output(), /reading the file +\d/));
    const { code, stdout, stderr } = await interrupted(program);
    assert.deepEqual([code, stdout], [1, ''], args.join(' '));
    assert.match(stderr, /\nStopped; nothing was restored\.\n$/);
    assert.doesNotMatch(stderr, /^\s+at /m);
  }
  assert.deepEqual(await tablesOf(target.DATABASE_URL), []);
});

/** A restore that is done, but for the proof of its invariants: it waits for a lock. */
async function restoredUnproved(url: string, program: Program): Promise<HeldLock> {
  // Wanted of the empty shop that the restore removes, it is had of the new one on its commit.
  const lock = HeldLock.take(url, 'LOCK TABLE notifications IN ACCESS EXCLUSIVE MODE');
  await within(20_000, async () => assert.equal((await waiting(url)).length, 1));
  program.stdin?.end(bytes.subarray(bytes.length / 2));
  const held = await lock;
  await within(20_000, async () => assert.match(program.output(), /^ok {4}I2 /m));
  await held.isWanted();
  return held;
}

/** Sessions that wait for a lock. */
const waiting = (url: string) =>
  query(
    url,
    `SELECT pid FROM pg_stat_activity
     WHERE wait_event_type = 'Lock' AND datname = current_database()`,
  );

/** How the proof of a restore that was interrupted comes to its end. */
const endings = {
  'ends early': (lock: HeldLock) => lock.release(),
  'breaks off': async (lock: HeldLock, url: string) => {
    const [proof] = await waiting(url);
    await query(url, 'SELECT pg_terminate_backend($1)', [proof?.pid]);
    await lock.release();
  },
};

for (const [how, goOn] of Object.entries(endings)) {
  test(`Ctrl-C after the restore: the proof ${how}, and the shop is there`, async () => {
    const target = await newDatabase();
    const url = target.DATABASE_URL;
    assert.equal((await run(['migrate'], target)).code, 0);
    const program = await halfRestored(target);
    const lock = await restoredUnproved(url, program);
    const ending = interrupted(program);
    await sleep(200); // until the signal is there
    await goOn(lock, url);
    const { code, stdout, stderr } = await ending;
    assert.equal(code, 1);
    assert.match(stdout, /^The shop is restored\. Everybody logs in again\.\nok {4}I1 /);
    assert.match(stderr, /\nStopped; the shop is restored, but .*: run "souk verify"\.\n$/);
    assert.doesNotMatch(stderr, /nothing was restored|^\s+at /m);
    const verified = await run(['verify'], target);
    assert.equal(verified.code, 0, verified.stdout);
    const [{ count }] = await query(url, 'SELECT count(*)::int FROM users');
    assert.equal(count, 20_000);
  });
}

test('a restore that is killed leaves the target empty, and the next one works', async () => {
  const target = await newDatabase();
  await kill(await halfRestored(target));
  assert.deepEqual(await tablesOf(target.DATABASE_URL), []);
  await within(5_000, async () => {
    const claimed = await query(
      target.DATABASE_URL,
      `SELECT FROM pg_stat_activity
       WHERE datname = current_database() AND application_name = 'souk'`,
    );
    assert.deepEqual(claimed, []);
  });
  const { code, stderr } = await run(['restore', file, '--quiet'], target);
  assert.equal(code, 0, stderr);
  const [{ count }] = await query(target.DATABASE_URL, 'SELECT count(*)::int FROM users');
  assert.equal(count, 20_000);
});

test('while a shop is restored no node opens it, and no second restore begins', async () => {
  const target = await newDatabase();
  const program = await halfRestored(target);
  const second = await run(['restore', file, '--quiet'], target);
  assert.equal(second.code, 2);
  assert.match(second.stderr, /^Another command is making the tables of this database\. /);
  const node = start(['migrate'], target);
  await sleep(1_000);
  assert.equal(node.output(), ''); // it waits
  program.stdin?.end(bytes.subarray(bytes.length / 2));
  const { code, stderr } = await program.exited;
  assert.equal(code, 0, stderr);
  assert.equal((await node.exited).stdout, 'The schema is up to date.\n');
});

test('a backup that was cut off or damaged on its way in is refused at its end', async () => {
  const target = await newDatabase();
  const program = await halfRestored(target);
  program.stdin?.end();
  const { code, stderr } = await program.exited;
  assert.equal(code, 2);
  assert.match(stderr, /\nThe standard input is cut off: its end is missing\.\n$/);
  assert.deepEqual(await tablesOf(target.DATABASE_URL), []);
});

test('a file that is damaged, no backup or missing makes no target', async () => {
  const DATA_DIR = `${newFolder()}/data`;
  const damaged = Buffer.from(bytes);
  damaged[damaged.length - 20] = (damaged[damaged.length - 20] ?? 0) ^ 1;
  const cases: [string | Buffer, RegExp][] = [
    [damaged, /^\S+ is (?:damaged|cut off)/],
    ['SELECT 1;', /^\S+ is not a backup of Souk\.\n$/],
  ];
  for (const [content, words] of cases) {
    const name = newFile();
    writeFileSync(name, content);
    const { code, stdout, stderr } = await run(['restore', name, '--quiet'], { DATA_DIR });
    assert.deepEqual([code, stdout], [2, '']);
    assert.match(stderr, words);
  }
  const missing = await run(['restore', '/no/such/file', '--quiet'], { DATA_DIR });
  const words = 'Cannot use /no/such/file: there is no such file or folder.\n';
  assert.deepEqual([missing.code, missing.stderr], [2, words]);
  assert.throws(() => readFileSync(`${DATA_DIR}/postgres/PG_VERSION`));
});
