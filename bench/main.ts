import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { arch, cpus, loadavg, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { Bench, Places, Souk, Workload } from './bench.ts';
import { idle } from './idle.ts';
import { listProduct } from './list-product.ts';
import { distinctProducts, hotProduct } from './place-order.ts';
import { openProcesses } from './processes.ts';
import { formatTable, type Row } from './report.ts';
import { startSouk } from './souk.ts';

const workloads: Workload[] = [listProduct, hotProduct, distinctProducts, idle];

const usage = `Usage: npm run bench [-- options]

  --only NAME      only the workloads with NAME in theirs: \
${workloads.map(({ name }) => name).join(', ')}
  --seconds N      how long each run takes load (4)
  --rounds N       how often ours and the limit take turns (3)
  --json FILE      write all figures there as well
  --profile DIR    write a CPU profile of the shop's process there
`;

interface Host {
  args: string[];
  environment: Record<string, string | undefined>;
  signal: AbortSignal;
  places: Places;
}

const say = (text: string): void => void process.stdout.write(`${text}\n`);

/** Runs the workloads and prints the table. @returns whether all reached their bar */
export async function runBench(host: Host): Promise<boolean> {
  const options = readOptions(host.args);
  if (options === undefined) return (say(usage), true);
  const chosen = workloads.filter(({ name }) => name.includes(options.only));
  if (chosen.length === 0) throw new Error(`No workload has "${options.only}" in its name`);
  const folder = mkdtempSync(join(tmpdir(), 'souk-bench-'));
  chmodSync(folder, 0o755); // run as root, PostgreSQL is another user
  const processes = openProcesses(host.signal);
  const bench: Bench = {
    ...options,
    places: host.places,
    environment: withoutSettings(host.environment),
    signal: host.signal,
    processes,
    folder,
    souk: () => (starting ??= startSouk(bench, join(folder, 'shop'))),
    say,
  };
  let starting: Promise<Souk> | undefined;
  const rows: Row[] = [];
  const [load = 0] = loadavg();
  say(`${cpus().length} cores; load average before the start ${load.toFixed(1)}`);
  try {
    for (const workload of chosen) {
      say(`— ${workload.name}`);
      // Nothing else runs while the idle shop is measured.
      if (workload === idle) await processes.close();
      rows.push(...(await workload.run(bench)));
    }
  } finally {
    await processes.close();
    rmSync(folder, { recursive: true, force: true });
    if (rows.length > 0) say(`\n${formatTable(rows)}`);
    if (rows.length > 0 && options.json) writeJson(options, { load, rows });
  }
  return rows.every((row) => row.ok);
}

interface Options {
  only: string;
  seconds: number;
  rounds: number;
  json: string | undefined;
  profile: string | undefined;
}

function readOptions(args: string[]): Options | undefined {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args,
    options: {
      only: { ...text, default: '' },
      seconds: { ...text, default: '4' },
      rounds: { ...text, default: '3' },
      json: text,
      profile: text,
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) return undefined;
  const count = (name: 'seconds' | 'rounds'): number => {
    const value = Number(values[name]);
    if (Number.isInteger(value) && value >= 1 && value <= 3600) return value;
    throw new Error(`--${name} takes a whole number from 1 to 3600`);
  };
  return {
    only: values.only,
    seconds: count('seconds'),
    rounds: count('rounds'),
    json: values.json === undefined ? undefined : resolve(values.json),
    profile: values.profile === undefined ? undefined : resolve(values.profile),
  };
}

/** What a program needs to run, without what a developer set for a shop of his own. */
function withoutSettings(environment: Host['environment']): Host['environment'] {
  const names = ['PATH', 'HOME', 'TMPDIR', 'LANG'];
  return Object.fromEntries(names.map((name) => [name, environment[name]]));
}

function writeJson(
  { json, seconds, rounds }: Options,
  { load, rows }: { load: number; rows: Row[] },
): void {
  const machine = { cpus: cpus().map(({ model }) => model), arch: arch(), node: process.version };
  const at = new Date().toISOString();
  writeFileSync(
    json as string,
    `${JSON.stringify({ at, machine, load, seconds, rounds, rows }, null, 2)}\n`,
  );
}
