import { isServerRefusal } from './db-errors.ts';
import { Unavailable } from './errors.ts';

interface Waiting<Item, Outcome> {
  item: Item;
  since: number;
  settle(outcome: Outcome): void;
  fail(error: unknown): void;
}

interface Options<Item, Outcome> {
  /** One transaction for all of them. @returns the outcome of each, in the same order */
  run(items: Item[], waitedMs: number[]): Promise<Outcome[]>;
  /** What only one item of a batch may have: another with the same name waits for the next. */
  exclusiveNames(item: Item): string[];
  onFailure(error: unknown, items: number): void;
  limits: { items: number; waiting: number; waitMs: number };
  /** for the client when too many wait, or one waited for too long */
  tooBusy: string;
  /** How many batches may be under way at once: 1 unless they only read. */
  lanes?: number;
}

/**
 * Items that arrive while a transaction is under way wait and go together in the next one: a lock
 * is then held once for many, and a commit flushed once. Nothing waits when nothing runs.
 */
export class Batches<Item, Outcome> {
  readonly #options: Options<Item, Outcome>;
  #waiting: Waiting<Item, Outcome>[] = [];
  #running = 0;

  constructor(options: Options<Item, Outcome>) {
    this.#options = options;
  }

  /** No more are taken just now. */
  get isFull(): boolean {
    return this.#waiting.length >= this.#options.limits.waiting;
  }

  /** @throws what `run` throws · Unavailable when too many wait, or the database is away */
  async add(item: Item): Promise<Outcome> {
    if (this.isFull) throw this.#tooBusy();
    return new Promise<Outcome>((settle, fail) => {
      this.#waiting.push({ item, since: Date.now(), settle, fail });
      if (this.#running < (this.#options.lanes ?? 1)) void this.#runAll();
    });
  }

  /**
   * One batch after the other: two at once would be half as large each and, where they write, wait
   * for each other's rows while this process has no time for either.
   */
  async #runAll(): Promise<void> {
    this.#running += 1;
    for (let batch = this.#takeBatch(); batch.length > 0; batch = this.#takeBatch()) {
      try {
        await this.#run(batch);
      } catch (error) {
        if (error instanceof Unavailable) this.#refuseAll(error);
        else this.#options.onFailure(error, batch.length);
        await this.#recover(batch, error);
      }
    }
    this.#running -= 1;
  }

  async #run(batch: Waiting<Item, Outcome>[]): Promise<void> {
    const now = Date.now();
    const outcomes = await this.#options.run(
      batch.map(({ item }) => item),
      batch.map(({ since }) => now - since),
    );
    // After the next batch is on its way: so many answers take as long as its first trip.
    setImmediate(() => {
      for (const [index, one] of batch.entries()) one.settle(outcomes[index] as Outcome);
    });
  }

  /**
   * One item that cannot be done must not sink the others: each is tried once alone. But only
   * when the server refused the batch; after any other failure it may have been committed.
   */
  async #recover(batch: Waiting<Item, Outcome>[], error: unknown): Promise<void> {
    let failure = error;
    for (const one of batch) {
      if (batch.length === 1 || !isServerRefusal(failure)) one.fail(failure);
      else {
        await this.#run([one]).catch((alone: unknown) => {
          one.fail(alone);
          if (!isServerRefusal(alone)) failure = alone;
        });
      }
    }
  }

  /** A batch met a lock or a server that does not move: the next would only wait for the same. */
  #refuseAll(error: Unavailable): void {
    for (const one of this.#waiting.splice(0)) one.fail(error);
  }

  #takeBatch(): Waiting<Item, Outcome>[] {
    const { exclusiveNames, limits } = this.#options;
    const batch: Waiting<Item, Outcome>[] = [];
    const rest: Waiting<Item, Outcome>[] = [];
    const taken = new Set<string>();
    for (const one of this.#waiting) {
      const names = exclusiveNames(one.item);
      const fits = batch.length < limits.items;
      if (Date.now() - one.since > limits.waitMs) one.fail(this.#tooBusy());
      else if (fits && !names.some((name) => taken.has(name))) {
        for (const name of names) taken.add(name);
        batch.push(one);
      } else rest.push(one);
    }
    this.#waiting = rest;
    return batch;
  }

  #tooBusy(): Unavailable {
    return new Unavailable(this.#options.tooBusy);
  }
}
