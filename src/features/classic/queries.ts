import { parseId } from '../../kernel/ids.ts';
import { parseNumber, queryText } from '../../kernel/inputs.ts';
import { limits } from '../../kernel/limits.ts';
import { isOrdering, type ProductQuery } from '../catalog/product-query.ts';

/**
 * Reads the page number and size of any list: empty is the first page, `last` the last one.
 * @returns undefined for the page when it is neither
 */
export function parsePage(query: unknown): {
  page: number | 'last' | undefined;
  pageSize: number;
} {
  const given = queryText(query, 'page');
  const number = /^\d{1,9}$/.test(given) ? Number(given) : 0;
  const page = given === '' ? 1 : given === 'last' ? 'last' : number > 0 ? number : undefined;
  const size = Number(queryText(query, 'page_size').match(/^\d{1,9}$/)?.[0] ?? 0);
  const pageSize = size > 0 ? Math.min(size, limits.maxPageSize) : limits.pageSize;
  return { page, pageSize };
}

/**
 * Reads the filters of the product list. A value that cannot be read is ignored, as the classic
 * API always did. Prices are in major units.
 */
export function parseFilters(query: unknown, minorPerMajor: number): Omit<ProductQuery, 'page'> {
  const ordering = queryText(query, 'ordering');
  const inStock = queryText(query, 'in_stock').toLowerCase();
  const search = queryText(query, 'search').slice(0, limits.searchCharacters).replaceAll('\0', '');
  return {
    pageSize: parsePage(query).pageSize,
    ordering: isOrdering(ordering) ? ordering : 'created_at',
    categoryId: parseId(queryText(query, 'category')),
    minPriceMinor: priceMinor(queryText(query, 'price_min'), minorPerMajor, Math.ceil),
    maxPriceMinor: priceMinor(queryText(query, 'price_max'), minorPerMajor, Math.floor),
    inStock: inStock === 'true' ? true : inStock === 'false' ? false : undefined,
    search: search === '' ? undefined : search.toWellFormed(),
  };
}

function priceMinor(
  text: string,
  minorPerMajor: number,
  round: (x: number) => number,
): number | undefined {
  const major = text === '' ? undefined : parseNumber(text);
  if (major === undefined) return undefined;
  // Undo binary noise (19.99 * 100 = 1998.9999…) before rounding towards the inside.
  const minor = round(Number((major * minorPerMajor).toPrecision(15)));
  const { MAX_SAFE_INTEGER: bound } = Number;
  return Math.max(-bound, Math.min(bound, minor));
}
