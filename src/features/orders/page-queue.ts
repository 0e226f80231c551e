import type { Context } from '../../context.ts';
import { Batches } from '../../kernel/batches.ts';
import { limits } from '../../kernel/limits.ts';
import { type Page, type Place, readPages, type Side } from './order-page.ts';

const usual: Side = { from: 'newest', size: limits.pageSize };

/** Reads pages of buyers' orders: those that most ask for in batches. */
export class PageQueue {
  readonly #db: Context['db'];
  readonly #batches: Batches<Place, Page>;

  constructor({ db, log }: Context) {
    this.#db = db;
    this.#batches = new Batches({
      run: (places) => readPages(db, places, usual),
      exclusiveNames: () => [],
      onFailure: (err, pages) => log.error({ err, pages }, 'batch of pages of orders failed'),
      limits: {
        items: limits.pageBatchReads,
        waiting: limits.pageQueueReads,
        waitMs: limits.pageWaitMs,
      },
      tooBusy: 'Too many lists of orders are read at once. Try again in a moment.',
      lanes: limits.pageLanes,
    });
  }

  /**
   * A page far down the list is read alone: others must not wait while PostgreSQL skips orders.
   * @throws Unavailable when the queue is full or the database away
   */
  async read(place: Place & Side): Promise<Page> {
    const isUsual = place.from === usual.from && place.size <= usual.size;
    if (isUsual && place.skipped <= limits.rowsSkipped) return this.#batches.add(place);
    const [page] = await readPages(this.#db, [place], place);
    return page as Page;
  }
}
