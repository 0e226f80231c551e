import { setTimeout as sleep } from 'node:timers/promises';
import { type CartChange, CartModel, type Lines } from './cart-model.ts';
import { show, type Told, type World } from './world.ts';

const mostPending = 2; // changes without an answer before their buyer waits

/** A buyer's cart as it must be, compared with every answer that shows it (I10). */
export class Basket {
  readonly #world: World;
  readonly #buyer: string;
  readonly #model = new CartModel();
  #pending: { id: number; until: () => number }[] = [];

  constructor(world: World, buyer: string) {
    this.#world = world;
    this.#buyer = buyer;
  }

  /** Every cart that there may be now and that can be ordered. */
  get orderable(): Lines[] {
    return this.#model.carts.filter(({ size }) => size > 0);
  }

  /** A change was asked for, and this came of it. */
  note(told: Told | undefined, change: CartChange): void {
    if (told?.certainty === 'answered') this.#model.did(change);
    if (told && told.certainty !== 'maybe') return;
    const id = this.#model.mayDo(change);
    const { sentAt, endedAt } = told ?? { sentAt: performance.now(), endedAt: performance.now() };
    const until = (): number => this.#world.weather.settlesAt(sentAt, endedAt);
    this.#pending.push({ id, until });
  }

  /** An answer that shows the cart. */
  see(told: Told, seen: Lines): void {
    const before = show(this.#model.carts.map((lines) => [...lines]));
    if (this.#model.sees(seen)) return;
    const text = `${this.#buyer}: the cart held ${show([...seen])}, not ${before}`;
    this.#world.history.violate('I10', text, [told.requestId]);
  }

  /** Waits until few enough changes are without an answer. */
  async settle(): Promise<void> {
    for (;;) {
      const now = performance.now();
      for (const { id, until } of this.#pending) if (until() <= now) this.#model.settle(id);
      this.#pending = this.#pending.filter(({ until }) => until() > now);
      if (this.#pending.length <= mostPending || this.#world.isOver) return;
      await sleep(100);
    }
  }
}

/** The lines of an answer that shows a cart. */
export function linesOfCart({ body }: Told): Lines {
  const items = body.items as { product: { id: string }; quantity: number }[];
  return new Map(items.map(({ product, quantity }) => [product.id, quantity]));
}
