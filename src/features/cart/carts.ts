import type { Context } from '../../context.ts';
import { Batches } from '../../kernel/batches.ts';
import type { Db } from '../../kernel/db.ts';
import { Refusal } from '../../kernel/errors.ts';
import { limits } from '../../kernel/limits.ts';
import { type Cart, emptyCart, readCarts, removeFromCart } from './cart.ts';
import { type CartChange, changeCarts } from './change-carts.ts';

const bounds = {
  items: limits.cartBatchCarts,
  waiting: limits.cartQueueRequests,
  waitMs: limits.cartWaitMs,
};
const tooBusy = 'Too many carts are asked for at once. Try again in a moment.';

/** Changes and reads carts in batches. */
export class Carts {
  readonly #db: Db;
  readonly #changes: Batches<CartChange, Cart | Refusal>;
  readonly #reads: Batches<number, Cart>;

  constructor({ db, log }: Context) {
    this.#db = db;
    this.#changes = new Batches({
      run: (changes, { isHeld }) => changeCarts(isHeld ? db.impatient : db, changes),
      exclusiveNames: ({ buyerId }) => [String(buyerId)],
      apart: true,
      onFailure: (err, changes) => log.error({ err, changes }, 'batch of cart changes failed'),
      limits: bounds,
      tooBusy,
    });
    this.#reads = new Batches({
      run: (buyerIds) => readCarts(db, buyerIds),
      exclusiveNames: () => [],
      onFailure: (err, reads) => log.error({ err, reads }, 'batch of cart reads failed'),
      limits: bounds,
      tooBusy,
      lanes: limits.cartReadLanes,
    });
  }

  /** @throws Unavailable when too many wait, or the database is away; so do the others */
  read(buyerId: number): Promise<Cart> {
    return this.#reads.add(buyerId);
  }

  /**
   * Changes a line; changes of one cart are decided as they arrive.
   * @returns the cart after it
   * @throws Refusal as `changeCarts` decides
   */
  async change(change: CartChange): Promise<Cart> {
    const outcome = await this.#changes.add(change);
    if (outcome instanceof Refusal) throw outcome;
    return outcome;
  }

  /** Removes the product's line if there is one. @returns what is left */
  async remove(buyerId: number, productId: string): Promise<Cart> {
    await removeFromCart(this.#db, buyerId, productId);
    return this.read(buyerId);
  }

  async empty(buyerId: number): Promise<Cart> {
    await emptyCart(this.#db, buyerId);
    return this.read(buyerId);
  }
}
