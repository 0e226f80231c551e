import { chmodSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { Places } from './bench.ts';
import { type Size, sizesUpTo } from './growth-sizes.ts';
import { formatGrowth, type GrowthTable, isGood } from './growth-report.ts';
import { grow } from './growth-run.ts';
import type { Stage } from './growth-shop.ts';
import { openProcesses } from './processes.ts';

const usage = `Usage: npm run bench -- growth [options]

Fills a shop step by step and measures every list and every write at each size: the time of a
request of one client, and the rows that it touches.

  --products N     how many in the end (1000000)
  --orders N       how many in the end (5000000)
  --requests N     of each operation at each size (100)
  --only NAME      only the operations with NAME in theirs
  --json FILE      write all figures there as well
`;

// Measured, with indexes; the rest is the log of changes and what sorting needs for a while.
const BYTES_OF_PRODUCT = 1_500;
const BYTES_OF_ORDER = 1_900;
const BYTES_BESIDES = 4e9;

interface Host {
  args: string[];
  environment: Record<string, string | undefined>;
  signal: AbortSignal;
  places: Places;
}

const say = (text: string): void => void process.stdout.write(`${text}\n`);

/** How the shop behaves as it grows. @returns whether all that must stay flat did */
export async function runGrowth(host: Host): Promise<boolean> {
  const options = readOptions(host.args);
  if (options === undefined) return (say(usage), true);
  const folder = mkdtempSync(join(tmpdir(), 'souk-growth-'));
  chmodSync(folder, 0o755); // run as root, PostgreSQL is another user
  const processes = openProcesses(host.signal);
  const tables: GrowthTable[] = [];
  const [load = 0] = loadavg();
  say(`${cpus().length} cores; load average before the start ${load.toFixed(1)}`);
  try {
    refuseWithoutSpace(folder, options.largest);
    await grow(stageOf(host, { folder, processes }), {
      ...options,
      sizes: sizesUpTo(options.largest),
      tables,
    });
  } finally {
    await processes.close();
    rmSync(folder, { recursive: true, force: true });
    for (const table of tables) if (table.rows.length > 0) say(`\n${formatGrowth(table)}`);
    if (options.json) writeFileSync(options.json, `${JSON.stringify({ load, tables }, null, 2)}\n`);
  }
  return tables.every(isGood);
}

function readOptions(args: string[]) {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args,
    options: {
      products: { ...text, default: '1000000' },
      orders: { ...text, default: '5000000' },
      requests: { ...text, default: '100' },
      only: { ...text, default: '' },
      json: text,
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) return undefined;
  const count = (name: 'products' | 'orders' | 'requests', least: number): number => {
    const value = Number(values[name]);
    if (Number.isInteger(value) && value >= least && value <= 1e8) return value;
    throw new Error(`--${name} takes a whole number from ${least} to 100000000`);
  };
  return {
    largest: { products: count('products', 1_000), orders: count('orders', 1_000) },
    requests: count('requests', 5),
    only: values.only,
    json: values.json === undefined ? undefined : resolve(values.json),
  };
}

function refuseWithoutSpace(folder: string, { products, orders }: Size): void {
  const needed = products * BYTES_OF_PRODUCT + orders * BYTES_OF_ORDER + BYTES_BESIDES;
  const { bavail, bsize } = statfsSync(folder);
  const [has, wants] = [bavail * bsize, needed].map((bytes) => `${(bytes / 1e9).toFixed(1)} GB`);
  say(`it needs about ${wants} in ${folder}, which has ${has}`);
  if (bavail * bsize < needed) throw new Error('There is not enough free space; --help says more');
}

/** Nothing of the settings that a developer has for a shop of his own. */
function stageOf(
  { environment, places, signal }: Host,
  own: Pick<Stage, 'folder' | 'processes'>,
): Stage {
  const names = ['PATH', 'HOME', 'TMPDIR', 'LANG'];
  const kept = Object.fromEntries(names.map((name) => [name, environment[name]]));
  return { ...own, environment: kept, places, signal, say };
}
