import { accessSync, constants, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Bench, DatabaseServer } from './bench.ts';
import { BUYERS, SELLERS } from './market.ts';

const CLIENT_COUNTS = [4, 8, 16];

export interface PgbenchResult {
  clients: number;
  perSecond: number;
}

/** The path of pgbench: the newest that Debian has installed, or the one on the PATH. */
export function findPgbench(environment: Bench['environment']): string | undefined {
  const debian = '/usr/lib/postgresql';
  const versions = readFolder(debian).toSorted((a, b) => Number(b) - Number(a));
  const folders = versions.map((version) => join(debian, version, 'bin'));
  folders.push(...(environment['PATH'] ?? '').split(delimiter));
  return folders.map((folder) => join(folder, 'pgbench')).find(isExecutable);
}

/** Orders one by one, as fast as PostgreSQL takes them, with each number of clients. */
export async function runPgbench(
  bench: Bench,
  {
    pgbench,
    server,
    database,
    products,
  }: {
    pgbench: string;
    server: DatabaseServer;
    database: string;
    /** orders go to the products 1 to this, at random */
    products: number;
  },
): Promise<PgbenchResult[]> {
  const results: PgbenchResult[] = [];
  for (const clients of CLIENT_COUNTS) {
    const numbers = { products, clients, sellers: SELLERS, buyers: BUYERS };
    const defines = Object.entries(numbers).map(([name, value]) => `--define=${name}=${value}`);
    const output = await bench.processes.run({
      file: pgbench,
      args: [
        '--no-vacuum',
        '--protocol=prepared',
        '--jobs=1',
        `--file=${bench.places.orderScript}`,
        `--client=${clients}`,
        `--time=${bench.seconds}`,
        ...defines,
        `--host=${server.host}`,
        `--username=${server.user}`,
        database,
      ],
      env: { ...bench.environment, PGPASSWORD: server.password },
      cwd: bench.folder,
    });
    const tps = /^tps = ([\d.]+)/m.exec(output)?.[1];
    const failed = /failed transactions: (\d+)/.exec(output)?.[1] ?? '0';
    if (tps === undefined || failed !== '0') throw new Error(`pgbench failed:\n${output}`);
    results.push({ clients, perSecond: Number(tps) });
  }
  return results;
}

function readFolder(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
