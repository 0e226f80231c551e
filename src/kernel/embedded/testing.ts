import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmdirSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { type EmbeddedPostgres, EmbeddedPostgresError, openEmbeddedPostgres } from './postgres.ts';

// What the tests of the embedded database share: folders, other processes, queries.

export const CHILD = 'hold-database'; // a test file run with that argument is another app process

export interface ChildReport {
  owner: boolean;
}

const cleanups = new WeakMap<TestContext, (() => unknown)[]>();

/** Cleans up after the test, the last made first (`t.after` alone would go the other way). */
export function defer(t: TestContext, cleanup: () => unknown): void {
  const known = cleanups.get(t);
  if (known) {
    known.push(cleanup);
    return;
  }
  const list = [cleanup];
  cleanups.set(t, list);
  t.after(async () => {
    for (const step of list.toReversed()) await step();
  });
}

/** For a test that only root can make. */
export const asRoot =
  process.getuid?.() === 0 ? {} : { skip: 'SKIPPED: needs root (sudo npm test, or a container)' };

/** For a test that mounts a disk, which root in a container may not. */
export function mountsDisks(): { skip?: string } {
  const folder = mkdtempSync(path.join(tmpdir(), 'souk-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', folder], { stdio: 'ignore' });
    execFileSync('umount', [folder]);
    return {};
  } catch {
    return { skip: 'SKIPPED: needs the right to mount a disk (Linux; a container --privileged)' };
  } finally {
    rmdirSync(folder);
  }
}

/**
 * Makes the folder a disk of that size for the time of the test.
 * @param options of a tmpfs: `size=1m`
 */
export function mountSmallDisk(t: TestContext, folder: string, options: string): void {
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder]);
  defer(t, () => execFileSync('umount', [folder]));
}

/** What the other process does: opens the database, says so, and lives until it is killed. */
export async function holdDatabase(dataDir: string): Promise<void> {
  const database = await openEmbeddedPostgres({ dataDir, log: () => {} });
  const report: ChildReport = { owner: database.owner };
  process.stdout.write(`${JSON.stringify(report)}\n`);
  const living = setInterval(() => {}, 60_000);
  process.once('SIGTERM', () => void database.stop().then(() => clearInterval(living)));
}

/** A data folder that does not exist yet, in a temporary folder that does. */
export async function freshDataDir(t: TestContext, name = 'data'): Promise<string> {
  const parent = await fs.realpath(await fs.mkdtemp(path.join(tmpdir(), 'souk-test-')));
  await fs.chmod(parent, 0o755);
  defer(t, () => fs.rm(parent, { recursive: true, force: true }));
  return path.join(parent, name);
}

export async function open(t: TestContext, dataDir: string): Promise<EmbeddedPostgres> {
  const database = await openEmbeddedPostgres({ dataDir, log: (line) => t.diagnostic(line) });
  defer(t, () => database.stop());
  return database;
}

export async function startApp(
  t: TestContext,
  testFile: string,
  dataDir: string,
): Promise<{ child: ChildProcess; report: ChildReport }> {
  const child = spawn(process.execPath, [testFile, CHILD, dataDir], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {},
  });
  defer(t, () => child.kill('SIGKILL'));
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  return { child, report: JSON.parse(String(line)) as ChildReport };
}

export async function query(database: Pick<EmbeddedPostgres, 'connection'>, text: string) {
  const client = new Client({ ...database.connection, ssl: false });
  client.on('error', () => {});
  try {
    await client.connect();
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    await client.end().catch(() => {});
  }
}

export async function assertRefused(dataDir: string, message: RegExp): Promise<void> {
  const before = await snapshot(path.dirname(dataDir));
  const opening = openEmbeddedPostgres({ dataDir, log: () => {} });
  await assert.rejects(opening, (error) => {
    assert.ok(error instanceof EmbeddedPostgresError, String(error));
    assert.match(error.message, message);
    return true;
  });
  assert.deepEqual(await snapshot(path.dirname(dataDir)), before);
}

/** Every file below a folder with its size and the time of its last change. */
async function snapshot(folder: string): Promise<string[]> {
  const names = await fs.readdir(folder, { recursive: true });
  const lines = names.map(async (name) => {
    const info = await fs.lstat(path.join(folder, name));
    return `${name} ${info.isFile() ? `${info.size} ${info.mtimeMs}` : info.mode}`;
  });
  return (await Promise.all(lines)).toSorted();
}

export async function postmasterPid(dataDir: string): Promise<number> {
  const text = await fs.readFile(path.join(dataDir, 'postgres/postmaster.pid'), 'utf8');
  return Number.parseInt(text, 10);
}

/** A zombie waiting for its parent has ended, too. */
export function isRunning(pid: number): boolean {
  try {
    const state = execFileSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' });
    return !state.startsWith('Z');
  } catch {
    return false;
  }
}

export async function until(
  condition: () => boolean | Promise<boolean>,
  limitMs: number,
  what: string,
): Promise<void> {
  const deadline = Date.now() + limitMs;
  while (!(await condition())) {
    assert.ok(Date.now() < deadline, `within ${limitMs} ms: ${what}`);
    await sleep(20);
  }
}
