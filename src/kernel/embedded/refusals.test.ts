import assert from 'node:assert/strict';
import * as fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { type TestContext, test } from 'node:test';
import {
  asRoot,
  assertRefused,
  defer,
  freshDataDir,
  mountsDisks,
  mountSmallDisk,
  open,
  query,
} from './testing.ts';

test('data of another major version is refused and untouched', otherVersion);
test('a folder that is no database is refused and untouched', notACluster);
test('a lost password is explained', lostPassword);
test('a long path puts the socket into a private temporary folder', longPath);
test('as root, a folder that PostgreSQL may not enter is named', asRoot, unenterable);
test('a full disk is refused before anything is made', mountsDisks(), fullDisk);

async function otherVersion(t: TestContext): Promise<void> {
  const dataDir = await freshDataDir(t);
  await fs.mkdir(path.join(dataDir, 'postgres'), { recursive: true });
  await fs.writeFile(path.join(dataDir, 'postgres/PG_VERSION'), '16\n');
  await assertRefused(dataDir, /PostgreSQL 16.*brings PostgreSQL 18.*nothing was changed/s);
}

async function notACluster(t: TestContext): Promise<void> {
  const dataDir = await freshDataDir(t);
  await fs.mkdir(path.join(dataDir, 'postgres'), { recursive: true });
  await fs.writeFile(path.join(dataDir, 'postgres/holiday.jpg'), 'precious');
  await assertRefused(dataDir, /postgres is not empty and is not a PostgreSQL data folder/);
}

async function lostPassword(t: TestContext): Promise<void> {
  const dataDir = await freshDataDir(t);
  await (await open(t, dataDir)).stop();
  const file = path.join(dataDir, 'database-password');
  await fs.writeFile(file, 'another\n');
  const wanted = { name: 'EmbeddedPostgresError', message: /is not the one of the database/ };
  await assert.rejects(open(t, dataDir), wanted);
  await fs.rm(file);
  await assertRefused(dataDir, /password cannot be read.*ENOENT/);
}

async function longPath(t: TestContext): Promise<void> {
  const dataDir = await freshDataDir(t, 'd'.repeat(120));
  const database = await open(t, dataDir);
  const { host } = database.connection;
  defer(t, () => fs.rm(host, { recursive: true, force: true }));
  assert.equal(path.dirname(host), await fs.realpath(tmpdir()));
  assert.equal((await fs.stat(host)).mode & 0o777, 0o700);
  assert.deepEqual(await query(database, 'SELECT 1 AS n'), [{ n: 1 }]);
  await database.stop();
  await fs.chmod(host, 0o777);
  await assertRefused(dataDir, /is not a private folder/);
}

async function unenterable(t: TestContext): Promise<void> {
  const dataDir = await freshDataDir(t, 'closed/data');
  const closed = path.dirname(dataDir);
  await fs.mkdir(closed, { mode: 0o700 });
  await assertRefused(closed, new RegExp(`may not enter ${closed}, .*DATA_DIR.*DATABASE_URL`, 's'));
  await assertRefused(dataDir, new RegExp(`may not enter ${closed}, `));
}

async function fullDisk(t: TestContext): Promise<void> {
  const dataDir = await freshDataDir(t);
  await fs.mkdir(dataDir);
  mountSmallDisk(t, dataDir, 'size=50m,mode=755');
  await assert.rejects(open(t, dataDir), { message: /is full\. Free some space/ });
  assert.deepEqual(await fs.readdir(dataDir), ['run']);
}
