import type { ProductQuery } from '../src/features/catalog/product-query.ts';
import { size } from './market.ts';
import { categoryId } from './market-rows.ts';

const LEAST_PRICES = 40_000; // up to 400.00, above which six of ten products lie

/** A page of products that nobody has asked for before: query n, for the shop and for itself. */
export function newProductQuery(n: number): { path: string; query: ProductQuery } {
  const minPriceMinor = 1 + (n % LEAST_PRICES);
  const maxPriceMinor = 100_000 + Math.floor(n / LEAST_PRICES);
  const { page = 1, ordering, categoryId } = kinds[n % kinds.length]?.(n) ?? {};
  const parts = {
    price_min: (minPriceMinor / 100).toFixed(2),
    price_max: (maxPriceMinor / 100).toFixed(2),
    ...(page > 1 && { page: String(page) }),
    ...(ordering && { ordering }),
    ...(categoryId && { category: categoryId }),
  };
  return {
    path: `/list-product/?${new URLSearchParams(parts).toString()}`,
    query: {
      page,
      pageSize: 10,
      ordering: ordering ?? 'created_at',
      minPriceMinor,
      maxPriceMinor,
      categoryId,
    },
  };
}

type Part = Partial<Pick<ProductQuery, 'ordering' | 'categoryId'>> & { page?: number };

/** What people look at: the first page of a category, some page of all, the dearest first. */
const kinds: ((n: number) => Part)[] = [
  (n) => ({ categoryId: categoryId(1 + (n % size.sellers)) }),
  (n) => ({ page: 1 + (n % 50) }),
  (n) => ({ page: 1 + (n % 20), ordering: '-price' }),
];
