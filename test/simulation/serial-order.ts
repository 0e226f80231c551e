import { isDeepStrictEqual } from 'node:util';
import { look, type Operation, perform, type Result, type Shop, type Sight } from './model.ts';

/** An operation that was carried out, and what its caller heard. */
export interface Done {
  operation: Operation;
  result: Result;
}

/**
 * What the model makes of operations that were carried out at the same time: the shop after one
 * of their serial orders in which every caller hears what it did hear and readers see what they
 * do see. Undefined when no order explains that.
 * @param earlier the shop before each operation so far, the last first
 */
export function explain(
  shop: Shop,
  { done, seen }: { done: Done[]; seen: Sight },
  earlier: Shop[] = [],
): Shop | undefined {
  if (done.length === 0) return isDeepStrictEqual(look(shop), seen) ? shop : undefined;
  for (const { operation, result } of done) {
    const rest = done.filter((one) => one.operation !== operation);
    for (const { products } of visibleTo(operation, [shop, ...earlier])) {
      const after = structuredClone(shop);
      if (!isDeepStrictEqual(perform(after, operation, products), result)) continue;
      const found = explain(after, { done: rest, seen }, [shop, ...earlier]);
      if (found) return found;
    }
  }
  return undefined;
}

/**
 * Into a cart products are put without a lock on their stock, so others may take some between that
 * look and its commit. The look comes after the line is locked: never from before it last changed.
 */
function visibleTo(operation: Operation, shops: Shop[]): Shop[] {
  if (operation.verb !== 'add to cart' && operation.verb !== 'set cart line') {
    return shops.slice(0, 1);
  }
  const { buyer, line } = operation;
  const quantities = shops.map(
    ({ carts }) => carts[buyer]?.find(({ product }) => product === line.product)?.quantity,
  );
  const change = quantities.findIndex((quantity) => quantity !== quantities[0]);
  return change < 0 ? shops : shops.slice(0, change);
}
