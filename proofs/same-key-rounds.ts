import { randomUUID } from 'node:crypto';
import type { Buyer } from './many-buyers.ts';
import type { Random } from './random.ts';

export interface Line {
  product_id: string;
  quantity: number;
}

/** What requests under one key ask for: the first body, and in some rounds another. */
export interface Round {
  buyer: Buyer;
  key: string;
  /** without products it is an order of the cart */
  bodies: { products?: Line[] }[];
  /** what each body orders */
  lines: Line[][];
  /** what the cart must hold at the beginning */
  cart: Line[];
}

export const kinds = ['lines', 'cart', 'two bodies', 'cart or lines'] as const;
export type Kind = (typeof kinds)[number];

export function makeRound(
  kind: Kind,
  { buyer, productIds, random }: { buyer: Buyer; productIds: string[]; random: Random },
): Round {
  const some = (): Line[] => {
    const count = 1 + random.below(3);
    const start = random.below(productIds.length - count);
    const ids = productIds.slice(start, start + count);
    return ids.map((product_id) => ({ product_id, quantity: 1 + random.below(5) }));
  };
  const [first, second] = [some(), some()];
  const changed = first.map((line) => ({ ...line, quantity: line.quantity + 1 }));
  const inCart = { cart: first, lines: [first, second] };
  const shapes = {
    lines: { bodies: [{ products: first }], lines: [first], cart: [] },
    cart: { bodies: [{}], ...inCart },
    'two bodies': {
      bodies: [{ products: first }, { products: changed }],
      lines: [first, changed],
      cart: [],
    },
    'cart or lines': { bodies: [{}, { products: second }], ...inCart },
  };
  return { buyer, key: randomUUID(), ...shapes[kind] };
}

export const quantityOf = (lines: Line[]): number =>
  lines.reduce((sum, { quantity }) => sum + quantity, 0);
