import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { arch, cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Bench, Places, Souk, Workload } from './bench.ts';
import { LIMIT_DATABASE, type Market, openMarket, settle } from './market.ts';
import { type Options, readOptions } from './options.ts';
import { openProcesses } from './processes.ts';
import { describeProfiles } from './profiles.ts';
import { findRedis, startRedis } from './redis.ts';
import { formatTable, type Row } from './report.ts';
import { startSouk } from './souk.ts';

export interface Host {
  args: string[];
  environment: Record<string, string | undefined>;
  signal: AbortSignal;
  places: Places;
}

const say = (text: string): void => void process.stdout.write(`${text}\n`);

/** Runs those of the workloads that are asked for and prints the table. */
export async function runWorkloads(host: Host, workloads: Workload[]): Promise<boolean> {
  const options = readOptions(host.args, workloads);
  if ('help' in options) return (say(options.help), true);
  const folder = mkdtempSync(join(tmpdir(), 'souk-bench-'));
  chmodSync(folder, 0o755); // run as root, PostgreSQL is another user
  const bench = openBench(host, options, folder);
  const [load = 0] = loadavg();
  const rows: Row[] = [];
  let redis = '';
  try {
    redis = await openRedis(bench, options);
    say(`${cpus().length} cores; load average before the start ${load.toFixed(1)}; ${redis}`);
    for (const workload of options.chosen) {
      say(`— ${workload.name}`);
      rows.push(...(await measure(bench, workload)));
    }
  } finally {
    await bench.processes.close();
    rmSync(folder, { recursive: true, force: true });
    if (rows.length > 0) say(`\n${formatTable(rows)}`);
    if (rows.length > 0 && options.json) writeJson(options, { load, redis, rows });
    if (options.profile) for (const text of describeProfiles(options.profile)) say(text);
  }
  return rows.every((row) => row.ok);
}

function openBench(host: Host, options: Options, folder: string): Bench {
  let souk: Promise<Souk> | undefined;
  let market: Promise<Market> | undefined;
  let shops = 0;
  const databases = ['souk', LIMIT_DATABASE];
  const bench: Bench = {
    ...options,
    places: host.places,
    environment: withoutSettings(host.environment),
    signal: host.signal,
    processes: openProcesses(host.signal),
    folder,
    redisUrl: undefined,
    souk: () => (souk ??= startSouk(bench, join(folder, `shop-${(shops += 1)}`))),
    async market() {
      if (market) await settle((await market).souk);
      market ??= bench.souk().then((souk) => openMarket(bench, souk, { databases }));
      return market;
    },
    async closeShop() {
      const running = souk;
      souk = market = undefined;
      const shop = await running?.catch(() => undefined); // why it did not start is known
      await shop?.child.stop();
    },
    say,
  };
  return bench;
}

/** One that cannot be measured must not cost the figures of the others. */
async function measure(bench: Bench, workload: Workload): Promise<Row[]> {
  if (workload.alone) await bench.closeShop();
  const before = bench.processes.running();
  try {
    return await workload.run(bench);
  } catch (error) {
    bench.signal.throwIfAborted();
    const text = error instanceof Error ? error.message : String(error);
    say(`  FAILED: ${text}`);
    await bench.closeShop();
    await bench.processes.close(before);
    const notes = [`FAILED: ${text}`];
    return [{ workload: workload.name, unit: '', bar: '', ok: false, notes, rounds: [] }];
  }
}

/** @returns what to say of it */
async function openRedis(bench: Bench, { redis }: Options): Promise<string> {
  if (!redis) return 'without Redis';
  const version = findRedis(bench.environment);
  if (version === undefined) return 'without Redis (redis-server is not installed)';
  bench.redisUrl = await startRedis(bench);
  return `with Redis ${version}`;
}

/** What a program needs to run, without what a developer set for a shop of his own. */
function withoutSettings(environment: Host['environment']): Host['environment'] {
  const names = ['PATH', 'HOME', 'TMPDIR', 'LANG'];
  return Object.fromEntries(names.map((name) => [name, environment[name]]));
}

function writeJson(
  { json, seconds, rounds, minutes }: Options,
  { load, redis, rows }: { load: number; redis: string; rows: Row[] },
): void {
  const machine = { cpus: cpus().map(({ model }) => model), arch: arch(), node: process.version };
  const at = new Date().toISOString();
  const all = { at, machine, load, redis, seconds, rounds, minutes, rows };
  writeFileSync(json as string, `${JSON.stringify(all, null, 2)}\n`);
}
