import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Souk } from './bench.ts';
import { withDatabase } from './souk.ts';

const RELOAD_MS = 500; // for sessions and log to follow the setting

/**
 * Whether the shop still runs the statements that a limit does, as its PostgreSQL logs them while
 * `work` asks for something. @returns what to say of those that it does not run
 */
export async function statementsOutOfDate(
  souk: Souk,
  statements: string[],
  work: () => Promise<unknown>,
): Promise<string[]> {
  const readLog = () => readFile(join(souk.dataDir, 'postgres.log'), 'utf8');
  await setLogging(souk, "SET log_statement = 'all'");
  const { length } = await readLog();
  await work();
  await setLogging(souk, 'RESET log_statement');
  const logged = plain((await readLog()).slice(length));
  return statements
    .filter((text) => !logged.includes(plain(text)))
    .map((text) => `OUT OF DATE: the shop does not run ${plain(text).slice(0, 60)} … any more`);
}

async function setLogging({ database }: Souk, setting: string): Promise<void> {
  await withDatabase(database, 'souk', async (client) => {
    await client.query(`ALTER SYSTEM ${setting}`);
    await client.query('SELECT pg_reload_conf()');
  });
  await sleep(RELOAD_MS);
}

const plain = (text: string): string => text.replaceAll(/\s+/g, ' ').trim();
