import type { ProductQuery } from '../src/features/catalog/product-query.ts';
import { size } from './market.ts';
import { categoryId } from './market-rows.ts';

const DIFFERENT_QUERIES = 90_000; // so many in a row

/** Where one of some clients begins, so that none asks what another asks. */
export const firstQuery = (client: number, clients: number): number =>
  client * Math.floor(DIFFERENT_QUERIES / clients);

const orderings = ['created_at', '-created_at', 'price', '-price', 'name', '-name'] as const;

/** Page n of many different ones: as the shop is asked for it, and as it asks PostgreSQL. */
export function productQuery(n: number): { path: string; query: ProductQuery } {
  const kind = kinds[n % kinds.length] as (typeof kinds)[number];
  const digits = openDigits(Math.floor(n / kinds.length));
  const pageSize = 10 + digits.next(10);
  const ordering = orderings[digits.next(orderings.length)] ?? 'created_at';
  const query = { ordering, pageSize, ...kind(digits) };
  const parts = {
    ordering,
    page_size: String(pageSize),
    page: String(query.page),
    ...(query.categoryId && { category: query.categoryId }),
    ...(query.minPriceMinor && { price_min: (query.minPriceMinor / 100).toFixed(2) }),
    ...(query.maxPriceMinor && { price_max: (query.maxPriceMinor / 100).toFixed(2) }),
  };
  return { path: `/list-product/?${new URLSearchParams(parts).toString()}`, query };
}

/** What people look at: a page of a category, of all, and of what lies between two prices. */
const kinds: ((
  digits: Digits,
) => Pick<ProductQuery, 'page' | 'categoryId' | 'minPriceMinor' | 'maxPriceMinor'>)[] = [
  ({ next }) => ({ page: 1 + next(8), categoryId: categoryId(1 + next(size.sellers)) }),
  ({ next }) => ({ page: 1 + next(500) }),
  ({ next }) => ({ page: 1 + next(20), minPriceMinor: 1 + 80 * next(500), maxPriceMinor: 70_000 }),
];

/** A number taken apart into digits of different bases, the lowest first. */
interface Digits {
  next(base: number): number;
}

function openDigits(number: number): Digits {
  let rest = number;
  return {
    next(base) {
      const digit = rest % base;
      rest = Math.floor(rest / base);
      return digit;
    },
  };
}
