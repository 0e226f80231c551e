import type { Context } from '../../context.ts';
import { Refusal, Unavailable } from '../../kernel/errors.ts';
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
export interface CheckoutQueue {
  /**
   * Places the checkout and returns the ids of its orders, one for each seller.
   * @throws Refusal as `allocate` decides · mismatch for a reused key · Unavailable when the queue
   * is full or the database away
   */
  place(checkout: Checkout): Promise<string[]>;
}

export function openCheckoutQueue(context: Context): CheckoutQueue {
  const { db, bus, metrics, log } = context;
  let waiting: Waiting[] = [];
  let lanes = 0;

  async function placeBatch(batch: Waiting[]): Promise<void> {
    metrics.checkoutBatchOrders.observe(batch.length);
    for (const one of batch) metrics.checkoutWaitSeconds.observe((Date.now() - one.since) / 1000);
    const placed = await placeOrders(
      db,
      batch.map((one) => one.checkout),
    );
    announceCatalogChange(bus, placed.change);
    announceNotifications(bus, placed.userIds);
    for (const [index, one] of batch.entries()) one.settle(placed.outcomes[index] as Outcome);
  }

  async function placeOneByOne(batch: Waiting[]): Promise<void> {
    for (const one of batch) {
      await placeBatch([one]).catch((error: unknown) => one.fail(error));
    }
  }

  async function runLane(): Promise<void> {
    lanes += 1;
    for (let batch = takeBatch(); batch.length > 0; batch = takeBatch()) {
      try {
        await placeBatch(batch);
      } catch (error) {
        // One order that cannot be placed must not sink the others.
        if (error instanceof Unavailable || batch.length === 1) {
          for (const one of batch) one.fail(error);
        } else {
          log.error({ err: error, checkouts: batch.length }, 'checkout batch failed');
          await placeOneByOne(batch);
        }
      }
    }
    lanes -= 1;
  }

  function takeBatch(): Waiting[] {
    const batch: Waiting[] = [];
    const rest: Waiting[] = [];
    const taken = new Set<string>();
    for (const one of waiting) {
      const names = exclusiveNames(one.checkout);
      if (Date.now() - one.since > limits.checkoutWaitMs) one.fail(tooBusy());
      else if (
        batch.length < limits.checkoutBatchOrders &&
        !names.some((name) => taken.has(name))
      ) {
        for (const name of names) taken.add(name);
        batch.push(one);
      } else rest.push(one);
    }
    waiting = rest;
    return batch;
  }

  return {
    async place(checkout) {
      if (waiting.length >= limits.checkoutQueueOrders) throw tooBusy();
      const outcome = await new Promise<Outcome>((settle, fail) => {
        waiting.push({ checkout, since: Date.now(), settle, fail });
        if (lanes < limits.checkoutLanes) void runLane();
      });
      if ('refused' in outcome) throw new Refusal(outcome.refused.kind, outcome.refused.message);
      return outcome.orderIds;
    },
  };
}

const tooBusy = () => new Unavailable('Too many orders at once. Try again in a moment.');

/** What only one checkout of a batch may have: its idempotency key, the cart it empties. */
function exclusiveNames({ buyerId, lines, claim }: Checkout): string[] {
  const names: string[] = [];
  if (lines === 'cart') names.push(`cart ${buyerId}`);
  if (claim) names.push(`key ${claim.userId} ${claim.key}`);
  return names;
}
