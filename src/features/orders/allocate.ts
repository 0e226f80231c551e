import { invalid, notFound, type Refusal } from '../../kernel/errors.ts';
import { limits } from '../../kernel/limits.ts';

export interface Wanted {
  lines: { productId: string; quantity: number }[];
}

/** A product as it stands locked: what may be sold, and at which price. */
export interface Offered {
  id: string;
  sellerId: number;
  categoryId: string;
  name: string;
  priceMinor: number;
  stock: number;
}

export interface OrderDraft {
  sellerId: number;
  totalMinor: number;
  lines: { productId: string; name: string; unitPriceMinor: number; quantity: number }[];
}

/** One order for each seller, or why there is none at all. */
export type Allocation = { orders: OrderDraft[] } | { refusal: Refusal };

export interface Allocated {
  /** one for each that wanted something, in the same order */
  allocations: Allocation[];
  taken: { productId: string; quantity: number }[];
  /** of which nothing is left */
  soldOut: Offered[];
}

/**
 * Decides who gets what: in order of arrival, each all or nothing, never more than there is.
 * Pure: the rows are locked before and written after.
 */
export function allocate(wanted: Wanted[], offered: Offered[]): Allocated {
  const products = new Map(offered.map((product) => [product.id, product]));
  const left = new Map(offered.map((product) => [product.id, product.stock]));
  const allocations = wanted.map((one) => allocateOne(one, products, left));
  const taken = offered.flatMap(({ id, stock }) => {
    const quantity = stock - (left.get(id) ?? stock);
    return quantity > 0 ? [{ productId: id, quantity }] : [];
  });
  const soldOut = offered.filter(({ id, stock }) => stock > 0 && left.get(id) === 0);
  return { allocations, taken, soldOut };
}

function allocateOne(
  wanted: Wanted,
  products: Map<string, Offered>,
  left: Map<string, number>,
): Allocation {
  const quantities = new Map<string, number>(); // the same product twice adds up
  for (const { productId, quantity } of wanted.lines) {
    quantities.set(productId, (quantities.get(productId) ?? 0) + quantity);
  }
  if (quantities.size === 0) return { refusal: invalid('No products provided') };

  const drafts = new Map<number, OrderDraft>();
  for (const [productId, quantity] of quantities) {
    const product = products.get(productId);
    if (product === undefined) return { refusal: notFound(`Product ${productId} not found`) };
    if (quantity > (left.get(productId) ?? 0)) {
      return { refusal: invalid(`Insufficient stock for product ${product.name}`) };
    }
    const { sellerId, name, priceMinor } = product;
    const draft = drafts.get(sellerId) ?? { sellerId, totalMinor: 0, lines: [] };
    draft.lines.push({ productId, name, unitPriceMinor: priceMinor, quantity });
    draft.totalMinor += priceMinor * quantity;
    if (draft.totalMinor > limits.orderTotalMinor) {
      return { refusal: invalid('The order total is too large') };
    }
    drafts.set(sellerId, draft);
  }
  for (const [productId, quantity] of quantities) {
    left.set(productId, (left.get(productId) ?? 0) - quantity);
  }
  return { orders: [...drafts.values()] };
}
