import type { Context } from '../../context.ts';
import { Batches } from '../../kernel/batches.ts';
import { Refusal } from '../../kernel/errors.ts';
import { failpoint } from '../../kernel/failpoints.ts';
import { limits } from '../../kernel/limits.ts';
import { announceCatalogChange } from '../catalog/catalog-state.ts';
import { announceNotifications } from '../notifications/streams.ts';
import { type Checkout, type Outcome, placeOrders } from './place-orders.ts';

/** Places checkouts in batches. */
export class CheckoutQueue {
  readonly #context: Context;
  readonly #batches: Batches<Checkout, Outcome>;

  constructor(context: Context) {
    this.#context = context;
    this.#batches = new Batches({
      run: (checkouts, { waitedMs }) => this.#placeBatch(checkouts, waitedMs),
      exclusiveNames,
      onFailure: (err, checkouts) => context.log.error({ err, checkouts }, 'checkout batch failed'),
      limits: {
        items: limits.checkoutBatchOrders,
        waiting: limits.checkoutQueueOrders,
        waitMs: limits.checkoutWaitMs,
      },
      tooBusy: 'Too many orders at once. Try again in a moment.',
    });
  }

  /** No more are taken just now. */
  get isFull(): boolean {
    return this.#batches.isFull;
  }

  /**
   * Places the checkout and returns the ids of its orders, one for each seller.
   * @throws Refusal as `allocate` decides · mismatch for a reused key · Unavailable when the queue
   * is full or the database away
   */
  async place(checkout: Checkout): Promise<string[]> {
    const outcome = await this.#batches.add(checkout);
    if ('refused' in outcome) throw new Refusal(outcome.refused.kind, outcome.refused.message);
    return outcome.orderIds;
  }

  async #placeBatch(checkouts: Checkout[], waitedMs: number[]): Promise<Outcome[]> {
    const { db, bus, metrics, log } = this.#context;
    metrics.checkoutBatchOrders.observe(checkouts.length);
    for (const ms of waitedMs) metrics.checkoutWaitSeconds.observe(ms / 1000);
    failpoint('before-transaction');
    const placed = await placeOrders(db, checkouts);
    failpoint('after-commit');
    try {
      announceCatalogChange(bus, placed.change);
      announceNotifications(bus, placed.userIds);
    } catch (error) {
      log.error({ err: error }, 'orders were placed but could not be announced'); // polls find them
    }
    return placed.outcomes;
  }
}

/** What only one checkout of a batch may have: its idempotency key, the cart it empties. */
function exclusiveNames({ buyerId, lines, claim }: Checkout): string[] {
  const names: string[] = [];
  if (lines === 'cart') names.push(`cart ${buyerId}`);
  if (claim) names.push(`key ${claim.userId} ${claim.key}`);
  return names;
}
