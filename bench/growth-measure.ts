import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { median } from './report.ts';

/** Something that one client does over and over. */
export interface Operation {
  name: string;
  /** made ready before each request; its time does not count, nor do the rows it touches */
  before?: (index: number) => Promise<unknown>;
  request(index: number): Promise<unknown>;
  /** why it may grow; without a reason it must stay flat */
  mayGrow?: string;
}

/** The same operation on one of several shops, or for one of several people. */
export interface Variant {
  db: pg.Client;
  operation: Operation;
}

/** One operation at one size. */
export interface Figure {
  /** the median of its requests */
  ms: number;
  /** rows read from tables and entries read from indexes, by a request */
  rows: number;
  /** the same for each table and index that matters */
  touched: Record<string, number>;
}

export interface Patience {
  requests: number;
  signal: AbortSignal;
}

const WARM_UP = 0.2; // of the requests: plans, caches
const COUNTED = 0.2; // of the requests: rows hardly differ
const LONGEST_MS = 20_000; // slow operations are asked fewer times
const FEWEST = 5;
// A connection reports what it touched when a transaction ends and the last report is this old.
const REPORT_MS = 1_100;

/**
 * The time of a request, one after the other and the variants in turns, so that whatever else the
 * machine does meanwhile meets all of them; then the rows that a request touches.
 */
export async function measure(variants: Variant[], patience: Patience): Promise<Figure[]> {
  const runs = variants.map((variant) => new Run(variant));
  const inTurns = async (): Promise<void> => {
    for (const run of runs) await run.step();
  };
  const part = (share: number) => ({
    ...patience,
    requests: Math.max(FEWEST, Math.ceil(patience.requests * share)),
  });
  await repeat(inTurns, part(WARM_UP));
  for (const run of runs) run.times.splice(0);
  await repeat(inTurns, patience);
  const times = runs.map((run) => median(run.times));
  const counts = await countAll(runs, part(COUNTED));
  return counts.map((count, index) => ({ ms: times[index] ?? Number.NaN, ...count }));
}

/** At the same time where each has a database of its own. */
async function countAll(runs: Run[], patience: Patience): Promise<Omit<Figure, 'ms'>[]> {
  if (new Set(runs.map(({ db }) => db)).size === runs.length) {
    return Promise.all(runs.map((run) => run.countRows(patience)));
  }
  const counts: Omit<Figure, 'ms'>[] = [];
  for (const run of runs) counts.push(await run.countRows(patience));
  return counts;
}

async function repeat(
  step: () => Promise<unknown>,
  { requests, signal }: Patience,
): Promise<number> {
  const deadline = Date.now() + LONGEST_MS;
  let done = 0;
  for (; done < requests && (done < FEWEST || Date.now() < deadline); done += 1) {
    signal.throwIfAborted();
    await step();
  }
  return done;
}

type Touched = Record<string, number>;

// Operations may share what is made ready.
const touchedBefore = new WeakMap<object, Touched>();

/** One variant as it is repeated. */
class Run {
  readonly times: number[] = [];
  readonly #variant: Variant;
  #next = 0;

  constructor(variant: Variant) {
    this.#variant = variant;
  }

  get db(): pg.Client {
    return this.#variant.db;
  }

  async step(): Promise<void> {
    const { before, request } = this.#variant.operation;
    await before?.(this.#next);
    const began = performance.now();
    await request(this.#next);
    this.times.push(performance.now() - began);
    this.#next += 1;
  }

  /** On average; the few rows that the shop looks at every 400 ms count as well. */
  async countRows(patience: Patience): Promise<Omit<Figure, 'ms'>> {
    const { before } = this.#variant.operation;
    const touched = await this.#count(() => this.step(), patience);
    let idle: Touched = {};
    if (before) {
      idle = touchedBefore.get(before) ?? (await this.#count(() => before(this.#next), patience));
      touchedBefore.set(before, idle);
    }
    const own = Object.entries(touched)
      .map(([name, rows]): [string, number] => [name, rows - (idle[name] ?? 0)])
      .filter(([, rows]) => rows >= 0.5);
    const rows = own.reduce((sum, [, count]) => sum + count, 0);
    return { rows, touched: Object.fromEntries(own) };
  }

  async #count(step: () => Promise<unknown>, patience: Patience): Promise<Touched> {
    const { db } = this;
    await sleep(REPORT_MS);
    await step(); // whatever was touched before is reported now
    const before = await readTouched(db);
    const done = await repeat(step, patience);
    await sleep(REPORT_MS);
    await step();
    const after = await readTouched(db);
    return Object.fromEntries(
      Object.entries(after).map(([name, rows]) => [
        name,
        (rows - (before[name] ?? 0)) / (done + 1),
      ]),
    );
  }
}

/** By all sessions so far, for each table (rows scanned) and index (entries read). */
async function readTouched(db: pg.Client): Promise<Touched> {
  await db.query('SELECT pg_stat_force_next_flush()');
  const { rows } = await db.query<{ name: string; touched: string }>(`
    SELECT relname AS name, seq_tup_read AS touched FROM pg_stat_user_tables
    UNION ALL SELECT indexrelname, idx_tup_read FROM pg_stat_user_indexes`);
  return Object.fromEntries(rows.map(({ name, touched }) => [name, Number(touched)]));
}
