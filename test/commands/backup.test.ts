import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { mountsDisks, mountSmallDisk } from '../../src/kernel/embedded/testing.ts';
import { newFile, tablesOf } from '../backups.ts';
import { HeldLock } from '../held-lock.ts';
import { newDataDir, newDatabase, newFolder, query } from '../program-data.ts';
import { cleanUp, kill, type Program, run, start } from '../program.ts';

after(cleanUp);

let settings: { DATABASE_URL: string; JWT_SECRET: string };
let large: typeof settings;
before(async () => {
  [settings, large] = [await newDatabase(), await newDatabase()];
  for (const shop of [settings, large]) assert.equal((await run(['migrate'], shop)).code, 0);
  // Enough rows that a backup takes long enough to be interrupted.
  await query(
    large.DATABASE_URL,
    `CREATE TABLE noise AS
    SELECT md5(n::text) AS a, md5((-n)::text) AS b FROM generate_series(1, 120000) n`,
  );
});

test('a backup has every table but who is logged in, and is for its owner alone', async () => {
  const file = newFile();
  const { code, stdout, stderr } = await run(['backup', file], settings);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^Backed up \d+ tables to \S+ \(\d+\.\d MB\) in \d+\.\d s\.\n$/);
  assert.match(stderr, /^ {2}catalog_state +1 rows +0\.0 MB +\d+\.\d s$/m);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.ok(!existsSync(`${file}.partial`));
  const text = gunzipSync(readFileSync(file)).toString();
  const { tables, leftOut } = JSON.parse(text.slice(0, text.indexOf('\n')));
  assert.deepEqual(leftOut, ['sessions', 'socket_tickets']);
  const named: string[] = tables.map(({ name }: { name: string }) => name);
  const all = [...named, ...leftOut, 'schema_migrations'].toSorted();
  assert.deepEqual(all, await tablesOf(settings.DATABASE_URL));
});

test('a file that is there is replaced with --force only', async () => {
  const file = newFile();
  writeFileSync(file, 'precious');
  const refused = await run(['backup', file], settings);
  assert.deepEqual([refused.code, refused.stdout], [2, '']);
  assert.equal(
    refused.stderr,
    `${file} exists. Choose another name, or replace it with --force.\n`,
  );
  assert.equal(readFileSync(file, 'utf8'), 'precious');
  assert.equal((await run(['backup', file, '--force', '--quiet'], settings)).code, 0);
  assert.equal(readFileSync(file).readUInt16BE(), 0x1f_8b);
});

test('a place that cannot be written is named, and nothing is left there', async () => {
  const folder = newFolder();
  writeFileSync(join(folder, 'file'), '');
  const missing = await run(['backup', join(folder, 'no/shop.souk'), '--quiet'], settings);
  assert.deepEqual([missing.code, missing.stdout], [2, '']);
  assert.match(missing.stderr, /^Cannot use \S+: there is no such file or folder\.\n$/);
  const within = await run(['backup', join(folder, 'file/shop.souk'), '--quiet'], settings);
  assert.match(within.stderr, /^Cannot use \S+: a part of its path is not a folder\.\n$/);
  assert.ok(!existsSync(join(folder, 'no')));
});

test('a full disk is named, and the partial file is removed', mountsDisks(), async (t) => {
  const folder = join(newFolder(), 'small');
  mkdirSync(folder);
  mountSmallDisk(t, folder, 'size=1m');
  const { code, stderr } = await run(['backup', join(folder, 'a.souk'), '--quiet'], large);
  assert.equal(code, 2);
  assert.equal(stderr, `Cannot use ${join(folder, 'a.souk')}: the disk is full.\n`);
  assert.equal(execFileSync('ls', ['-A', folder], { encoding: 'utf8' }), '');
});

async function partOf(file: string): Promise<Program> {
  const program = start(['backup', file, '--force'], large);
  const deadline = Date.now() + 20_000;
  while ((statSync(`${file}.partial`, { throwIfNoEntry: false })?.size ?? 0) < 100_000) {
    assert.ok(Date.now() < deadline, 'a partial file appears');
    await sleep(2);
  }
  return program;
}

test('Ctrl-C removes the partial file and leaves an older backup as it was', async () => {
  const file = newFile();
  writeFileSync(file, 'the backup of yesterday');
  const program = await partOf(file);
  program.signal('SIGINT');
  const { code, signal, stdout, stderr } = await program.exited;
  assert.deepEqual([code, signal, stdout], [1, null, '']);
  assert.match(stderr, /Stopped; there is no backup\.\n$/);
  assert.doesNotMatch(stderr, /^\s+at /m);
  assert.ok(!existsSync(`${file}.partial`));
  assert.equal(readFileSync(file, 'utf8'), 'the backup of yesterday');
});

test('a backup that is killed leaves no file of its name, and the next works', async () => {
  const file = newFile();
  await kill(await partOf(file));
  assert.ok(!existsSync(file) && existsSync(`${file}.partial`));
  chmodSync(`${file}.partial`, 0o644);
  assert.equal((await run(['backup', file, '--quiet'], settings)).code, 0);
  assert.ok(!existsSync(`${file}.partial`));
  assert.equal(statSync(file).mode & 0o777, 0o600);
});

test('a backup waits for a migration under way and shows the tables it made', async () => {
  const lock = await HeldLock.take(
    settings.DATABASE_URL,
    'ALTER TABLE cart_lines ADD COLUMN gift boolean; CREATE TABLE vouchers (code text)',
  );
  const file = newFile();
  const program = start(['backup', file, '--quiet'], settings);
  await lock.isWanted();
  await lock.commit();
  const { code, stderr } = await program.exited;
  assert.deepEqual([code, stderr], [0, '']);
  const text = gunzipSync(readFileSync(file)).toString();
  assert.match(text, /"name":"vouchers"/);
  assert.match(text, /"name":"cart_lines","columns":\[[^\]]*"gift"\]/);
  await query(settings.DATABASE_URL, 'DROP TABLE vouchers');
  await query(settings.DATABASE_URL, 'ALTER TABLE cart_lines DROP COLUMN gift');
});

test('a folder or a database without a shop has no backup', async () => {
  const file = newFile();
  const DATA_DIR = newDataDir();
  const folder = await run(['backup', file], { DATA_DIR });
  assert.equal(folder.stderr, `There is no shop in ${DATA_DIR}. Set DATA_DIR to its folder.\n`);
  assert.ok(!existsSync(DATA_DIR));
  const database = await run(['backup', file], await newDatabase());
  assert.deepEqual([database.code, database.stderr], [2, 'There is no shop in this database.\n']);
  assert.ok(!existsSync(file) && !existsSync(dirname(file) + '/shop.souk.partial'));
});
