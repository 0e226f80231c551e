import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { isRunning, postmasterPid } from '../src/kernel/embedded/testing.ts';
import { type Json, jwtSecret } from './harness.ts';

// Where the programs of a test keep their data: folders and databases, removed by `cleanUp`.

const cleanups: (() => unknown)[] = [];

/** Removes them; the processes that use them have ended. */
export async function cleanUpData(): Promise<void> {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
}

/** A new folder that everybody may enter, as the database runs as another user than root. */
export function newFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'souk-program-')));
  chmodSync(folder, 0o755);
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A place for an embedded database; by the time of `cleanUp` its server has ended. */
export function newDataDir(): string {
  const dataDir = join(newFolder(), 'data');
  cleanups.push(() => databaseGone(dataDir));
  return dataDir;
}

/** Waits for the embedded server to end, as it does by itself when the program is gone. */
export async function databaseGone(dataDir: string, withinMs = 20_000): Promise<void> {
  const pid = await postmasterPid(dataDir).catch(() => undefined);
  if (pid === undefined) return; // it removes this file when it ends
  for (const deadline = Date.now() + withinMs; isRunning(pid); await sleep(20)) {
    if (Date.now() > deadline) throw new Error(`The database server ${pid} lives on`);
  }
}

/** A new database without any table on the PostgreSQL server of this run, as settings. */
export async function newDatabase(): Promise<{ DATABASE_URL: string; JWT_SECRET: string }> {
  const administration = String(process.env['SOUK_TEST_DATABASE_URL']);
  const name = `program_${randomBytes(8).toString('hex')}`;
  const administer = async (text: string): Promise<void> => {
    await withClient(administration, (client) => client.query(text));
  };
  await administer(`CREATE DATABASE ${name}`);
  cleanups.push(() => administer(`DROP DATABASE ${name} WITH (FORCE)`));
  const url = administration.replace(/^([^?]*\/)[^/?]*/, `$1${name}`);
  return { DATABASE_URL: url, JWT_SECRET: jwtSecret };
}

/** The rows of a statement, run on a connection of its own. */
export async function query(url: string, text: string, values: unknown[] = []): Promise<Json[]> {
  return withClient(url, async (client) => (await client.query(text, values)).rows);
}

/** The address of an embedded database whose server runs. */
export function urlOfDataDir(dataDir: string): string {
  const password = readFileSync(join(dataDir, 'database-password'), 'utf8').trim();
  return `postgres://souk:${password}@/souk?host=${encodeURIComponent(join(dataDir, 'run'))}`;
}

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
