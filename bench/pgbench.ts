import { accessSync, constants, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Bench, DatabaseServer } from './bench.ts';
import { CONNECTIONS } from './http-load.ts';
import { LIMIT_DATABASE, size } from './market.ts';
import type { Run, Side } from './turns.ts';

const CLIENT_COUNTS = [4, 8, 16];

interface Options {
  pgbench: string;
  server: DatabaseServer;
  /** of bench/sql/ */
  script: string;
  /** orders go to the products 1 to this, at random */
  products: number;
}

/** The path of pgbench: the newest that Debian has installed, or the one on the PATH. */
export function findPgbench(environment: Bench['environment']): string | undefined {
  const debian = '/usr/lib/postgresql';
  const versions = readFolder(debian).toSorted((a, b) => Number(b) - Number(a));
  const folders = versions.map((version) => join(debian, version, 'bin'));
  folders.push(...(environment['PATH'] ?? '').split(delimiter));
  return folders.map((folder) => join(folder, 'pgbench')).find(isExecutable);
}

/** Orders one by one, as fast as PostgreSQL takes them, with the best number of clients. */
export function openPgbench(bench: Bench, options: Options): Side {
  return {
    name: 'pgbench',
    cold: true,
    async run(seconds) {
      const results: (Run & { clients: number })[] = [];
      for (const clients of CLIENT_COUNTS) {
        const perSecond = await runPgbench(bench, { ...options, clients, seconds });
        results.push({ clients, perSecond, remark: `${clients} clients` });
      }
      const best = results.toSorted((a, b) => b.perSecond - a.perSecond)[0];
      return { ...(best as Run), results };
    },
  };
}

/**
 * Orders one by one for some seconds, as fast as it goes or at a rate.
 * @returns orders a second
 */
export async function runPgbench(
  bench: Bench,
  options: Options & { clients: number; seconds: number; perSecond?: number },
): Promise<number> {
  const { pgbench, server, script, products, clients, seconds, perSecond } = options;
  const numbers = { products, clients, sellers: size.sellers, buyers: CONNECTIONS };
  const defines = Object.entries(numbers).map(([name, value]) => `--define=${name}=${value}`);
  const output = await bench.processes.run({
    file: pgbench,
    args: [
      '--no-vacuum',
      '--protocol=prepared',
      '--jobs=1',
      `--file=${join(bench.places.root, 'bench/sql', script)}`,
      `--client=${clients}`,
      `--time=${seconds}`,
      ...(perSecond === undefined ? [] : [`--rate=${perSecond}`]),
      ...defines,
      `--host=${server.host}`,
      `--username=${server.user}`,
      LIMIT_DATABASE,
    ],
    env: { ...bench.environment, PGPASSWORD: server.password },
    cwd: bench.folder,
  });
  const tps = /^tps = ([\d.]+)/m.exec(output)?.[1];
  const failed = /failed transactions: (\d+)/.exec(output)?.[1] ?? '0';
  if (tps === undefined || failed !== '0') throw new Error(`pgbench failed:\n${output}`);
  return Number(tps);
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
