import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type pg from 'pg';
import type { Bench } from './bench.ts';
import { type Client, openClient } from './growth-client.ts';
import { startServer, withDatabase } from './souk.ts';

/** Where a shop runs: a part of what workloads get. */
export type Stage = Pick<
  Bench,
  'folder' | 'processes' | 'environment' | 'places' | 'signal' | 'say'
>;

/** The real program with its own PostgreSQL, and somebody at its door. */
export interface RunningShop {
  client: Client;
  /** beside the shop, on the same database */
  db: pg.Client;
  /** from the start of its process */
  readyMs: number;
  /** How long `souk verify` takes. @throws unless all invariants hold */
  verify(): Promise<number>;
}

const settings = {
  RATE_LIMITS: 'off',
  DEMO_DATA: 'off',
  LOG_LEVEL: 'warn',
  ACCESS_TOKEN_MINUTES: '10080', // a run takes longer than an hour
};

/** Starts the shop of this name for as long as `work` takes. */
export async function withShop<T>(
  stage: Stage,
  name: string,
  work: (shop: RunningShop) => Promise<T>,
): Promise<T> {
  const { places, folder, processes, environment } = stage;
  const dataDir = join(folder, name);
  const program = [places.main, 'serve'];
  const { child, url, readyMs } = await startServer(stage, { program, dataDir, settings });
  const password = (await readFile(join(dataDir, 'database-password'), 'utf8')).trim();
  const server = { host: join(dataDir, 'run'), user: 'souk', password };
  const client = openClient(url);
  const verify = async (): Promise<number> => {
    const began = performance.now();
    const [file, args] = [process.execPath, [places.main, 'verify']];
    const env = { ...environment, DATA_DIR: dataDir };
    await processes.run({ file, args, env, cwd: folder });
    return performance.now() - began;
  };
  try {
    return await withDatabase(server, 'souk', (db) => {
      db.on('error', () => undefined); // a query that runs then fails by itself
      return work({ client, db, readyMs, verify });
    });
  } finally {
    client.close();
    await child.stop();
  }
}
