import { isLockTimeout, isServerRefusal } from './db-errors.ts';
import { Unavailable } from './errors.ts';
import { limits } from './limits.ts';

interface Waiting<Item, Outcome> {
  item: Item;
  names: string[];
  since: number;
  settle(outcome: Outcome): void;
  fail(error: unknown): void;
}

interface Turn {
  /** how long each item waited for its batch */
  waitedMs: number[];
  /** Some waited in vain for a lock, or behind who did: not as long again. */
  isHeld: boolean;
}

interface Options<Item, Outcome> {
  /** One transaction for all of them. @returns the outcome of each, in the same order */
  run(items: Item[], turn: Turn): Promise<Outcome[]>;
  /** What only one item of a batch may have: another with the same name waits for the next. */
  exclusiveNames(item: Item): string[];
  onFailure(error: unknown, items: number): void;
  limits: { items: number; waiting: number; waitMs: number };
  /** for the client when too many wait, or one waited for too long */
  tooBusy: string;
  /** How many batches may be under way at once: 1 unless they only read. */
  lanes?: number;
  /** Items seldom want the same row: a lock that one does not get concerns few others. */
  apart?: boolean;
}

/**
 * Items that arrive while a transaction is under way wait and go together in the next one: a lock
 * is then held once for many, and a commit flushed once. Nothing waits when nothing runs.
 */
export class Batches<Item, Outcome> {
  readonly #options: Options<Item, Outcome>;
  #waiting: Waiting<Item, Outcome>[] = [];
  /** how many wait under each name */
  readonly #named = new Map<string, number>();
  #running = 0;
  #watch: NodeJS.Timeout | undefined;
  #stillTicks = 0;
  /** When a lock was last waited for in vain: who waited then has waited for long enough. */
  #heldAt = 0;

  constructor(options: Options<Item, Outcome>) {
    this.#options = options;
  }

  /** No more are taken just now. */
  get isFull(): boolean {
    return this.#waiting.length >= this.#options.limits.waiting;
  }

  /** @throws what `run` throws · Unavailable when too many wait, or the database is away */
  async add(item: Item): Promise<Outcome> {
    const names = this.#options.exclusiveNames(item);
    const isLong = names.some((name) => this.#count(name) >= limits.waitingOfOneName);
    if (this.isFull || isLong) throw this.#tooBusy();
    return new Promise<Outcome>((settle, fail) => {
      this.#waiting.push({ item, names, since: Date.now(), settle, fail });
      for (const name of names) this.#named.set(name, this.#count(name) + 1);
      if (this.#running < (this.#options.lanes ?? 1)) void this.#runAll();
    });
  }

  /**
   * One batch after the other: two at once would be half as large each and, where they write, wait
   * for each other's rows while this process has no time for either.
   */
  async #runAll(): Promise<void> {
    this.#running += 1;
    if (this.#watch === undefined) {
      this.#stillTicks = 0;
      this.#watch = setInterval(() => this.#tick(), tickMs).unref();
    }
    for (let batch = this.#takeBatch(); batch.length > 0; batch = this.#takeBatch()) {
      try {
        await this.#run(
          batch,
          batch.some(({ since }) => since <= this.#heldAt),
        );
      } catch (error) {
        if (this.#isHeld(error)) this.#heldAt = Date.now();
        else if (error instanceof Unavailable) this.#refuseAll(error);
        else this.#options.onFailure(error, batch.length);
        await this.#recover(batch, error);
      }
    }
    this.#running -= 1;
    if (this.#running > 0) return;
    clearInterval(this.#watch);
    this.#watch = undefined;
  }

  async #run(batch: Waiting<Item, Outcome>[], isHeld: boolean): Promise<void> {
    const now = Date.now();
    const outcomes = await this.#options
      .run(
        batch.map(({ item }) => item),
        { waitedMs: batch.map(({ since }) => now - since), isHeld },
      )
      .finally(() => (this.#stillTicks = 0));
    // After the next batch is on its way, and a few at a time: it needs this process in between.
    // More when others had it for long, for so it will be again.
    let settled = 0;
    let lookedAt = performance.now();
    const settleSome = (): void => {
      const isLate = performance.now() - lookedAt > limits.longTurnMs;
      const some = batch.slice(settled, settled + (isLate ? settledWhenLate : settledAtOnce));
      for (const one of some) {
        one.settle(outcomes[settled] as Outcome);
        settled += 1;
      }
      lookedAt = performance.now();
      if (settled < batch.length) setImmediate(settleSome);
    };
    setImmediate(settleSome);
  }

  /**
   * One item that cannot be done must not sink the others: each is tried once alone. But only
   * when the server refused the batch; after any other failure it may have been committed.
   */
  async #recover(batch: Waiting<Item, Outcome>[], error: unknown): Promise<void> {
    const isUndone = (one: unknown): boolean => isServerRefusal(one) || this.#isHeld(one);
    let failure = error;
    let isOver = batch.length === 1 || !isUndone(error);
    if (isOver && this.#isHeld(error)) this.#refuseNamed(batch[0]?.names, error);
    let held = 0;
    let done = 0;
    for (const one of batch) {
      if (isOver) one.fail(failure);
      else {
        await this.#run([one], held > 0 || this.#isHeld(error)).then(
          () => (done += 1),
          (alone: unknown) => {
            one.fail(alone);
            failure = alone;
            if (this.#isHeld(alone)) {
              held += 1;
              this.#refuseNamed(one.names, alone);
            }
            isOver = held === heldAtMost || !isUndone(alone);
          },
        );
      }
    }
    // Somebody has their table.
    if (held === heldAtMost && done === 0) this.#refuseAll(failure);
  }

  /** A lock was not to be had, perhaps for one item alone. */
  #isHeld(error: unknown): boolean {
    return this.#options.apart === true && isLockTimeout(error);
  }

  /** Who waits for the same as one that did not get its lock would not get it either. */
  #refuseNamed(names: string[] = [], error: unknown): void {
    const rest: Waiting<Item, Outcome>[] = [];
    for (const one of this.#waiting) {
      if (one.names.some((name) => names.includes(name))) {
        this.#forget(one.names);
        one.fail(error);
      } else rest.push(one);
    }
    this.#waiting = rest;
  }

  /** A batch met a lock or a server that does not move: the next would only wait for the same. */
  #refuseAll(error: unknown): void {
    this.#named.clear();
    for (const one of this.#waiting.splice(0)) one.fail(error);
  }

  /** Counts turns of the event loop, not time: this process itself may have been held up. */
  #tick(): void {
    this.#stillTicks += 1;
    if (this.#stillTicks * tickMs >= limits.batchStillMs) this.#refuseAll(this.#tooBusy());
  }

  #takeBatch(): Waiting<Item, Outcome>[] {
    const { items, waitMs } = this.#options.limits;
    const batch: Waiting<Item, Outcome>[] = [];
    const rest: Waiting<Item, Outcome>[] = [];
    const taken = new Set<string>();
    const tooOld = Date.now() - waitMs;
    let seen = 0; // of those who wait, the longest first
    for (const one of this.#waiting) {
      if (batch.length === items) break;
      seen += 1;
      const isOld = one.since < tooOld;
      const fits = !one.names.some((name) => taken.has(name));
      if (isOld) one.fail(this.#tooBusy());
      else (fits ? batch : rest).push(one);
      if (isOld || fits) this.#forget(one.names);
      // Who waits on keeps its names: none that came later may overtake it.
      for (const name of isOld ? [] : one.names) taken.add(name);
    }
    this.#waiting = [...rest, ...this.#waiting.slice(seen)];
    return batch;
  }

  #forget(names: string[]): void {
    for (const name of names) {
      const left = this.#count(name) - 1;
      if (left > 0) this.#named.set(name, left);
      else this.#named.delete(name);
    }
  }

  #count(name: string): number {
    return this.#named.get(name) ?? 0;
  }

  #tooBusy(): Unavailable {
    return new Unavailable(this.#options.tooBusy);
  }
}

const tickMs = 100;
const heldAtMost = 3;
const settledAtOnce = 4;
const settledWhenLate = 32;
