import { setTimeout as sleep } from 'node:timers/promises';
import type { Market } from './market.ts';
import type { Child, Processes } from './processes.ts';
import type { Row } from './report.ts';

/** Where the parts of the benchmark lie, as scripts/bench.mjs knows. */
export interface Places {
  root: string;
  /** dist/main.js */
  main: string;
  /** scripts/start.mjs, what `npm start` runs */
  start: string;
  /** the built module of bench/children/ */
  child(name: string): string;
}

/** A shop under measurement: the real program, with its own PostgreSQL, durable as by default. */
export interface Souk {
  url: string;
  child: Child;
  dataDir: string;
  database: DatabaseServer;
  /** what it signs tokens with */
  jwtSecret: string;
  /** Runs another souk command on this shop's database, or on another of its server. */
  command(args: string[], database?: string): Promise<string>;
}

/** How to reach the PostgreSQL server that a shop runs. */
export interface DatabaseServer {
  host: string;
  user: string;
  password: string;
}

/** What each workload is given. */
export interface Bench {
  places: Places;
  /** for the processes that are started; nothing of the shop's settings is in it */
  environment: Record<string, string | undefined>;
  signal: AbortSignal;
  processes: Processes;
  /** how long each run takes load */
  seconds: number;
  /** how often ours and the limit take turns */
  rounds: number;
  /** how long the workload `memory` takes load */
  minutes: number;
  /** where a CPU profile of the shop is to be written */
  profile: string | undefined;
  folder: string;
  /** of the Redis that the shops use; undefined where there is none */
  redisUrl: string | undefined;
  /** The shop that the workloads share, started when first asked for. */
  souk(): Promise<Souk>;
  /** The same with its people and products, and a second database with the same. */
  market(): Promise<Market>;
  /** Stops the shared shop: the next who asks gets a new one. */
  closeShop(): Promise<void>;
  say(text: string): void;
}

export interface Workload {
  name: string;
  /** nothing else runs while it is measured */
  alone?: boolean;
  /** only when it is asked for by name */
  onRequest?: boolean;
  run(bench: Bench): Promise<Row[]>;
}

/** A process of its own that runs a module of bench/children/. */
export function fork({ processes, places }: Bench, name: string): Child {
  return processes.fork(places.child(name));
}

/** Does `work` for all items, a few at once, and says how far it is. */
export async function inParallel<Item, Result>(
  { say, signal }: Bench,
  { what, items, atOnce }: { what: string; items: Item[]; atOnce: number },
  work: (item: Item, index: number) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  const step = Math.ceil(items.length / 4);
  let next = 0;
  let done = 0;
  const lane = async (): Promise<void> => {
    while (next < items.length) {
      signal.throwIfAborted();
      const index = next;
      next += 1;
      results[index] = await work(items[index] as Item, index);
      done += 1;
      if (done % step === 0 || done === items.length) say(`  ${what}: ${done} of ${items.length}`);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  return results;
}

/** Repeats `attempt` until it holds. @throws after `ms`, with what was waited for */
export async function until(
  what: string,
  { ms, everyMs, signal }: { ms: number; everyMs: number; signal: AbortSignal },
  attempt: () => Promise<boolean>,
): Promise<void> {
  const deadline = Date.now() + ms;
  while (!(await attempt())) {
    signal.throwIfAborted();
    if (Date.now() > deadline) throw new Error(`${what}: not within ${ms / 1000} s`);
    await sleep(everyMs);
  }
}
