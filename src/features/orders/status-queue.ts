import type { Context } from '../../context.ts';
import { Batches } from '../../kernel/batches.ts';
import type { Refusal } from '../../kernel/errors.ts';
import { limits } from '../../kernel/limits.ts';
import { announceNotifications } from '../notifications/streams.ts';
import { type StatusStep, updateOrderStatuses } from './order-status.ts';

/** Moves orders in batches. */
export class StatusQueue {
  readonly #batches: Batches<StatusStep, Refusal | undefined>;

  constructor({ db, bus, log }: Context) {
    this.#batches = new Batches({
      async run(steps, { isHeld }) {
        const { refusals, buyerIds } = await updateOrderStatuses(isHeld ? db.impatient : db, steps);
        try {
          announceNotifications(bus, buyerIds);
        } catch (error) {
          log.error({ err: error }, 'steps could not be announced'); // polls find them
        }
        return refusals;
      },
      exclusiveNames: ({ orderId }) => [orderId],
      apart: true,
      onFailure: (err, steps) => log.error({ err, steps }, 'batch of status steps failed'),
      limits: {
        items: limits.statusBatchSteps,
        waiting: limits.statusQueueSteps,
        waitMs: limits.statusWaitMs,
      },
      tooBusy: 'Too many orders are updated at once. Try again in a moment.',
    });
  }

  /**
   * Moves an order one step and tells its buyer. Steps of one order are decided as they arrive.
   * @throws Refusal as `updateOrderStatuses` decides · Unavailable when the queue is full or the
   * database away
   */
  async update(step: StatusStep): Promise<void> {
    const refusal = await this.#batches.add(step);
    if (refusal) throw refusal;
  }
}
