/** Product ids and quantities. */
export type Lines = ReadonlyMap<string, number>;

export type CartChange =
  | { kind: 'add' | 'set'; productId: string; quantity: number }
  | { kind: 'empty' };

/** One way things may have gone: the cart, and the changes that may still happen. */
interface Possibility {
  lines: Lines;
  pending: { id: number; change: CartChange }[];
}

const mostPossibilities = 5_000;

/**
 * What a buyer's cart may hold, from what was acknowledged. A change without an answer may have
 * happened, may happen later, or never; every cart that is seen rules possibilities out.
 */
export class CartModel {
  #possible: Possibility[] = [{ lines: new Map(), pending: [] }];
  #count = 0;

  /** The change was acknowledged. */
  did(change: CartChange): void {
    this.#keep(
      this.#landed().map(({ lines, pending }) => ({ lines: apply(lines, change), pending })),
    );
  }

  /** The change had no answer. @returns its number */
  mayDo(change: CartChange): number {
    this.#count += 1;
    const one = { id: this.#count, change };
    this.#keep(this.#possible.map(({ lines, pending }) => ({ lines, pending: [...pending, one] })));
    return one.id;
  }

  /** A change that had no answer has happened by now, or never will. */
  settle(id: number): void {
    this.#keep(
      this.#landed().map(({ lines, pending }) => ({
        lines,
        pending: pending.filter((one) => one.id !== id),
      })),
    );
  }

  /** @returns false when the cart cannot hold what was seen; from then on it is taken as true */
  sees(seen: Lines): boolean {
    const left = this.#landed().filter(({ lines }) => nameOf(lines) === nameOf(seen));
    this.#keep(left.length > 0 ? left : [{ lines: seen, pending: [] }]);
    return left.length > 0;
  }

  /** Every cart that there may be now. */
  get carts(): Lines[] {
    return [...new Map(this.#landed().map(({ lines }) => [nameOf(lines), lines])).values()];
  }

  /** Each possibility, with every choice of what is pending having happened by now. */
  #landed(): Possibility[] {
    const all = new Map(this.#possible.map((one) => [possibilityName(one), one]));
    // A map hands out what is added while it is gone through.
    for (const { lines, pending } of all.values()) {
      for (const [index, { change }] of pending.entries()) {
        const one = { lines: apply(lines, change), pending: pending.toSpliced(index, 1) };
        all.set(possibilityName(one), one);
      }
    }
    return [...all.values()];
  }

  #keep(possible: Possibility[]): void {
    const different = new Map(possible.map((one) => [possibilityName(one), one]));
    if (different.size > mostPossibilities) throw new Error('Too little is known of a cart');
    this.#possible = [...different.values()];
  }
}

function apply(lines: Lines, change: CartChange): Lines {
  if (change.kind === 'empty') return new Map();
  const { kind, productId, quantity } = change;
  const changed = new Map(lines);
  const before = kind === 'add' ? (lines.get(productId) ?? 0) : 0;
  if (before + quantity > 0) changed.set(productId, before + quantity);
  else changed.delete(productId);
  return changed;
}

/** The same for carts with the same lines, whatever their order. */
export const nameOf = (lines: Lines): string =>
  [...lines]
    .map(([id, quantity]) => `${id}×${quantity}`)
    .toSorted()
    .join(' ');

const possibilityName = ({ lines, pending }: Possibility): string =>
  `${nameOf(lines)} | ${pending.map(({ id }) => id).join(' ')}`;
