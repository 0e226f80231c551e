import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { Weather } from './weather.ts';

const everyMs = 50;
const stallMs = 250; // a commit takes a few milliseconds, a turn of this process less

/**
 * Notices when the machine itself stands still: a disk that does not take a commit, a processor
 * that is somebody else's. What that costs is no fault of the shop.
 */
export class Stalls {
  readonly #stalls: (readonly [from: number, until: number])[] = [];
  readonly #url: string;
  readonly #weather: Weather;
  #commitSince = Infinity;
  #isOver = false;
  readonly #running: Promise<void>[];

  /** @param url of the database, which is committed to on a connection of its own */
  constructor(url: string, weather: Weather) {
    this.#url = url;
    this.#weather = weather;
    this.#running = [this.#watchDisk(), this.#watchProcessor()];
  }

  /** How long the machine stood still in a span of time, in ms, the stall of just now included. */
  within(from: number, until: number): number {
    const now = performance.now();
    const current = this.#isStall(this.#commitSince, now)
      ? [[this.#commitSince, now] as const]
      : [];
    let total = 0;
    let counted = from;
    for (const [begin, end] of [...this.#stalls, ...current].toSorted(([a], [b]) => a - b)) {
      const stillUntil = Math.min(end, until);
      total += Math.max(0, stillUntil - Math.max(begin, counted));
      counted = Math.max(counted, stillUntil);
    }
    return total;
  }

  get count(): number {
    return this.#stalls.length;
  }

  get longestMs(): number {
    return Math.max(0, ...this.#stalls.map(([from, until]) => until - from));
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#running);
  }

  #note(from: number): void {
    const until = performance.now();
    if (this.#isStall(from, until)) this.#stalls.push([from, until]);
  }

  /** What comes of a fault is none. */
  #isStall(from: number, until: number): boolean {
    return until - from > stallMs && !this.#weather.excuses(503, from, until);
  }

  async #watchDisk(): Promise<void> {
    while (!this.#isOver) {
      const client = new pg.Client({ connectionString: this.#url });
      client.on('error', () => undefined);
      try {
        await client.connect();
        while (!this.#isOver) {
          this.#commitSince = performance.now();
          // Writes a record to the log of the server, and nothing else.
          await client.query(`SELECT pg_logical_emit_message(true, 'chaos', '')`);
          this.#note(this.#commitSince);
          this.#commitSince = Infinity;
          await sleep(everyMs);
        }
      } catch {
        this.#commitSince = Infinity; // the server is away: a fault, and no stall
      }
      await client.end().catch(() => undefined);
      await sleep(everyMs);
    }
  }

  async #watchProcessor(): Promise<void> {
    while (!this.#isOver) {
      const due = performance.now() + everyMs;
      await sleep(everyMs);
      this.#note(due);
    }
  }
}
