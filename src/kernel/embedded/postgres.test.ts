import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  CHILD,
  defer,
  freshDataDir,
  holdDatabase,
  isRunning,
  open,
  postmasterPid,
  query,
  startApp,
  until,
} from './testing.ts';

const testFile = fileURLToPath(import.meta.url);

if (process.argv[2] === CHILD) await holdDatabase(process.argv[3] ?? '');
else registerTests();

function registerTests(): void {
  test('first boot is private and durable, and data survives a restart', firstBoot);
  test('a killed app takes its server along and loses nothing', killedApp);
  test('a killed server is started again, with its data', killedServer);
  test('a second process attaches, and takes over when the first goes away', attachAndTakeOver);
  test('two processes at once on a new folder share one database', twoAtOnce);
  test('a first boot cut short leaves nothing in the way', cutShort);
  test('a process id that now belongs to something else does not block', reusedProcessId);
}

async function firstBoot(t: TestContext): Promise<void> {
  const dataDir = await freshDataDir(t);
  const first = await open(t, dataDir);
  assert.equal(first.owner, true);
  assert.deepEqual(await query(first, 'CREATE TABLE kept AS SELECT 42 AS n'), []);
  const settings = `SELECT current_setting('listen_addresses') AS listen,
    current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS commit,
    current_setting('server_encoding') AS encoding, current_setting('TimeZone') AS zone,
    lower('ÄÉ') AS lower`;
  const expected = { listen: '', fsync: 'on', commit: 'on', encoding: 'UTF8', zone: 'UTC' };
  assert.deepEqual(await query(first, settings), [{ ...expected, lower: 'äé' }]);
  const { mode } = await fs.stat(path.join(dataDir, 'database-password'));
  assert.equal(mode & 0o777, 0o600);
  const intruder = { ...first, connection: { ...first.connection, password: 'guess' } };
  await assert.rejects(query(intruder, 'SELECT 1'), { code: '28P01' });

  await first.stop();
  await first.stop();
  await assert.rejects(query(first, 'SELECT 1'), { code: 'ENOENT' });
  const second = await open(t, dataDir);
  assert.deepEqual(await query(second, 'SELECT n FROM kept'), [{ n: 42 }]);
}

async function killedApp(t: TestContext): Promise<void> {
  const dataDir = await freshDataDir(t);
  const app = await startApp(t, testFile, dataDir);
  assert.deepEqual(app.report, { owner: true });
  const guest = await open(t, dataDir);
  assert.equal(guest.owner, false);
  await query(guest, 'CREATE TABLE kept AS SELECT 42 AS n');
  const server = await postmasterPid(dataDir);
  await guest.stop();
  assert.ok(isRunning(server), 'a guest leaves the server alone');

  app.child.kill('SIGKILL');
  await until(() => !isRunning(server), 3_000, 'the server ends with its app');
  const next = await open(t, dataDir);
  assert.equal(next.owner, true);
  assert.deepEqual(await query(next, 'SELECT n FROM kept'), [{ n: 42 }]);
}

async function killedServer(t: TestContext): Promise<void> {
  const database = await open(t, await freshDataDir(t));
  await query(database, 'CREATE TABLE kept AS SELECT 42 AS n');
  const killed = await postmasterPid(database.dataDir);
  process.kill(killed, 'SIGKILL');
  await until(() => !isRunning(killed), 1_000, 'the server is gone');
  let rows: unknown[] = [];
  await until(
    async () => (rows = await query(database, 'SELECT n FROM kept').catch(() => [])).length > 0,
    10_000,
    'the server is back',
  );
  assert.deepEqual(rows, [{ n: 42 }]);
  assert.notEqual(await postmasterPid(database.dataDir), killed);
  assert.equal(database.owner, true);
}

async function attachAndTakeOver(t: TestContext): Promise<void> {
  const dataDir = await freshDataDir(t);
  const app = await startApp(t, testFile, dataDir);
  const guest = await open(t, dataDir);
  assert.deepEqual([app.report.owner, guest.owner], [true, false]);
  await query(guest, 'CREATE TABLE kept AS SELECT 42 AS n');
  const server = await postmasterPid(dataDir);
  app.child.kill('SIGTERM');
  await until(() => guest.owner, 10_000, 'the guest runs the server');
  assert.ok(!isRunning(server));
  assert.deepEqual(await query(guest, 'SELECT n FROM kept'), [{ n: 42 }]);
}

async function twoAtOnce(t: TestContext): Promise<void> {
  const dataDir = await freshDataDir(t);
  const apps = await Promise.all([
    startApp(t, testFile, dataDir),
    startApp(t, testFile, dataDir),
    open(t, dataDir),
  ]);
  const owners = apps.map((app) => ('report' in app ? app.report.owner : app.owner));
  assert.deepEqual(
    owners.toSorted((a, b) => Number(a) - Number(b)),
    [false, false, true],
  );
  assert.deepEqual(await query(apps[2], 'SELECT current_database()::text AS name'), [
    { name: 'souk' },
  ]);
  const leftovers = (await fs.readdir(dataDir)).filter((name) => name.startsWith('postgres.new-'));
  assert.deepEqual(leftovers, []);
}

async function cutShort(t: TestContext): Promise<void> {
  const dataDir = await freshDataDir(t);
  await fs.mkdir(path.join(dataDir, 'postgres.new-dead/cluster'), { recursive: true });
  await fs.writeFile(path.join(dataDir, 'database-password'), '');
  // A lock whose process id lives again as another process: ours.
  const lock = JSON.stringify({ pid: process.pid, started: 'long ago' });
  await fs.writeFile(path.join(dataDir, 'postgres.lock'), lock);
  const database = await open(t, dataDir);
  assert.deepEqual(await query(database, 'SELECT 1 AS n'), [{ n: 1 }]);
  const names = ['database-password', 'postgres', 'postgres.log', 'run'];
  assert.deepEqual((await fs.readdir(dataDir)).toSorted(), names);
}

async function reusedProcessId(t: TestContext): Promise<void> {
  const dataDir = await freshDataDir(t);
  await (await open(t, dataDir)).stop();
  const cluster = path.join(dataDir, 'postgres');
  const { uid, gid } = await fs.stat(cluster);
  const other = spawn('/bin/sleep', ['60'], { uid, gid, cwd: '/' });
  defer(t, () => other.kill());
  for (const file of [`${cluster}/postmaster.pid`, `${dataDir}/run/.s.PGSQL.5432.lock`]) {
    const lines = [other.pid, cluster, 1_700_000_000, 5432, `${dataDir}/run`, '', '', 'ready'];
    await fs.writeFile(file, `${lines.join('\n')}\n`);
    await fs.chown(file, uid, gid);
  }
  const database = await open(t, dataDir);
  assert.equal(database.owner, true);
  assert.ok(isRunning(other.pid ?? 0), 'the other process is left alone');
}
