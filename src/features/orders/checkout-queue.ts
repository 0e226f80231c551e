import type { Context } from '../../context.ts';
import { isServerRefusal } from '../../kernel/db-errors.ts';
import { Refusal, Unavailable } from '../../kernel/errors.ts';
import { failpoint } from '../../kernel/failpoints.ts';
import { limits } from '../../kernel/limits.ts';
import { announceCatalogChange } from '../catalog/catalog-state.ts';
import { announceNotifications } from '../notifications/streams.ts';
import { type Checkout, type Outcome, placeOrders } from './place-orders.ts';

interface Waiting {
  checkout: Checkout;
  since: number;
  settle(outcome: Outcome): void;
  fail(error: unknown): void;
}

/**
 * Checkouts that arrive while a transaction is under way wait and go together in the next one: a
 * lock is then held once for many, and a commit flushed once. Nothing waits when nothing runs.
 */
export class CheckoutQueue {
  readonly #context: Context;
  #waiting: Waiting[] = [];
  #isRunning = false;
  #placedAt = 0;

  constructor(context: Context) {
    this.#context = context;
  }

  /** No more are taken just now. */
  get isFull(): boolean {
    return this.#waiting.length >= limits.checkoutQueueOrders;
  }

  /**
   * Places the checkout and returns the ids of its orders, one for each seller.
   * @throws Refusal as `allocate` decides · mismatch for a reused key · Unavailable when the queue
   * is full or the database away
   */
  async place(checkout: Checkout): Promise<string[]> {
    if (this.isFull) throw tooBusy();
    const outcome = await new Promise<Outcome>((settle, fail) => {
      this.#waiting.push({ checkout, since: Date.now(), settle, fail });
      if (!this.#isRunning) void this.#run();
    });
    if ('refused' in outcome) throw new Refusal(outcome.refused.kind, outcome.refused.message);
    return outcome.orderIds;
  }

  /**
   * One batch at a time: two at once would be half as large each, and wait for each other's rows
   * while this process has no time for either.
   */
  async #run(): Promise<void> {
    this.#isRunning = true;
    for (let batch = this.#takeBatch(); batch.length > 0; batch = this.#takeBatch()) {
      const began = performance.now();
      try {
        await this.#placeBatch(batch);
      } catch (error) {
        if (error instanceof Unavailable && this.#placedAt < began) this.#refuseAll(error);
        await this.#recover(batch, error);
      }
    }
    this.#isRunning = false;
  }

  async #placeBatch(batch: Waiting[]): Promise<void> {
    const { db, bus, metrics, log } = this.#context;
    metrics.checkoutBatchOrders.observe(batch.length);
    for (const one of batch) metrics.checkoutWaitSeconds.observe((Date.now() - one.since) / 1000);
    failpoint('before-transaction');
    const placed = await placeOrders(
      db,
      batch.map((one) => one.checkout),
    );
    failpoint('after-commit');
    this.#placedAt = performance.now();
    try {
      announceCatalogChange(bus, placed.change);
      announceNotifications(bus, placed.userIds);
    } catch (error) {
      log.error({ err: error }, 'orders were placed but could not be announced'); // polls find them
    }
    for (const [index, one] of batch.entries()) one.settle(placed.outcomes[index] as Outcome);
  }

  /**
   * One order that cannot be placed must not sink the others: each is tried once alone. But only
   * when the server refused the batch; after any other failure it may have been committed.
   */
  async #recover(batch: Waiting[], error: unknown): Promise<void> {
    if (!(error instanceof Unavailable)) {
      this.#context.log.error({ err: error, checkouts: batch.length }, 'checkout batch failed');
    }
    let failure = error;
    for (const one of batch) {
      if (batch.length === 1 || !isServerRefusal(failure)) one.fail(failure);
      else {
        await this.#placeBatch([one]).catch((alone: unknown) => {
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

  #takeBatch(): Waiting[] {
    const batch: Waiting[] = [];
    const rest: Waiting[] = [];
    const taken = new Set<string>();
    for (const one of this.#waiting) {
      const names = exclusiveNames(one.checkout);
      const fits = batch.length < limits.checkoutBatchOrders;
      if (Date.now() - one.since > limits.checkoutWaitMs) one.fail(tooBusy());
      else if (fits && !names.some((name) => taken.has(name))) {
        for (const name of names) taken.add(name);
        batch.push(one);
      } else rest.push(one);
    }
    this.#waiting = rest;
    return batch;
  }
}

const tooBusy = () => new Unavailable('Too many orders at once. Try again in a moment.');

/** What only one checkout of a batch may have: its idempotency key, the cart it empties. */
function exclusiveNames({ buyerId, lines, claim }: Checkout): string[] {
  const names: string[] = [];
  if (lines === 'cart') names.push(`cart ${buyerId}`);
  if (claim) names.push(`key ${claim.userId} ${claim.key}`);
  return names;
}
