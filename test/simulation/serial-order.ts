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
 */
export function explain(shop: Shop, done: Done[], seen: Sight): Shop | undefined {
  if (done.length === 0) return isDeepStrictEqual(look(shop), seen) ? shop : undefined;
  for (const { operation, result } of done) {
    const after = structuredClone(shop);
    if (!isDeepStrictEqual(perform(after, operation), result)) continue;
    const rest = done.filter((one) => one.operation !== operation);
    const found = explain(after, rest, seen);
    if (found) return found;
  }
  return undefined;
}
