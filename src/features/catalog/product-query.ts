import { createHash } from 'node:crypto';
import { type Sql, sql, sqlJoin, sqlRaw } from '../../kernel/db.ts';
import { limits } from '../../kernel/limits.ts';

/** Each with its way back, of which the last page is read. */
const orderings = {
  created_at: ['p.created_at, p.id', 'p.created_at DESC, p.id DESC'],
  '-created_at': ['p.created_at DESC, p.id DESC', 'p.created_at, p.id'],
  price: ['p.price_minor, p.created_at, p.id', 'p.price_minor DESC, p.created_at DESC, p.id DESC'],
  '-price': [
    'p.price_minor DESC, p.created_at, p.id',
    'p.price_minor, p.created_at DESC, p.id DESC',
  ],
  name: ['p.name, p.created_at, p.id', 'p.name DESC, p.created_at DESC, p.id DESC'],
  '-name': ['p.name DESC, p.created_at, p.id', 'p.name, p.created_at DESC, p.id DESC'],
} as const;

/** A normalized request for a page of products: equal requests have equal keys. */
export interface ProductQuery {
  page: number | 'last';
  pageSize: number;
  ordering: keyof typeof orderings;
  categoryId?: string | undefined;
  minPriceMinor?: number | undefined;
  maxPriceMinor?: number | undefined;
  inStock?: boolean | undefined;
  search?: string | undefined;
}

export const isOrdering = (name: string): name is keyof typeof orderings =>
  Object.hasOwn(orderings, name);

/** The same text for queries of the same products, whatever the page and its order. */
export const filterKeyOf = (query: ProductQuery): string =>
  keyOf({ ...query, page: 1, pageSize: limits.pageSize, ordering: 'created_at' });

/** The same text for the same query; bounded, whatever was searched for. */
export function keyOf(query: ProductQuery): string {
  const { page, pageSize, ordering, categoryId, minPriceMinor, maxPriceMinor, inStock } = query;
  const search = query.search && createHash('sha256').update(query.search).digest('base64url');
  const parts = [page, pageSize, ordering, categoryId, minPriceMinor, maxPriceMinor];
  return [...parts, inStock, search].map((part) => part ?? '').join('|');
}

function condition(query: ProductQuery): Sql {
  const { categoryId, minPriceMinor, maxPriceMinor, inStock, search } = query;
  const terms = [sql`p.archived_at IS NULL`];
  if (categoryId !== undefined) terms.push(sql`p.category_id = ${categoryId}`);
  if (minPriceMinor !== undefined) terms.push(sql`p.price_minor >= ${minPriceMinor}`);
  if (maxPriceMinor !== undefined) terms.push(sql`p.price_minor <= ${maxPriceMinor}`);
  if (inStock === true) terms.push(sql`p.in_stock`);
  if (inStock === false) terms.push(sql`NOT p.in_stock`);
  if (search !== undefined) {
    const pattern = `%${search.replaceAll(/[\\%_]/g, String.raw`\$&`)}%`;
    terms.push(sql`(p.name ILIKE ${pattern} OR p.description ILIKE ${pattern})`);
  }
  return sqlJoin(terms, ' AND ');
}

// A bound LIMIT makes PostgreSQL plan every execution anew, so sizes are literals, and few.
const literalSizes = [10, 20, 50, 100];

/** Whether the products that match have to be counted, one by one. */
export const isCounted = ({ minPriceMinor, maxPriceMinor, search }: ProductQuery): boolean =>
  [minPriceMinor, maxPriceMinor, search].some((filter) => filter !== undefined);

/** How many match. What is counted already (`countProducts`) costs the same however many. */
function total(query: ProductQuery): Sql {
  const { categoryId, inStock } = query;
  if (isCounted(query)) return sql`SELECT count(*) AS n FROM products p WHERE ${condition(query)}`;
  const soldOut = sql`listed_products - in_stock_products`;
  const kept =
    inStock === undefined ? sql`listed_products` : inStock ? sql`in_stock_products` : soldOut;
  if (categoryId === undefined) return sql`SELECT ${kept} AS n FROM catalog_state`;
  return sql`
    SELECT coalesce(max(${kept}), 0) AS n FROM category_counts WHERE category_id = ${categoryId}`;
}

/**
 * One statement, hence one snapshot: the catalog's counters, how many products match, and the
 * ids of the page: `pageSize` of them or more, the last page at their end.
 * @param known how many match, when that is known
 */
export function pageStatement(query: ProductQuery, known?: number): Sql {
  const size = sqlRaw(
    String(literalSizes.find((literal) => literal >= query.pageSize) ?? limits.maxPageSize),
  );
  const where = condition(query);
  const { page, pageSize } = query;
  const [there, back] = orderings[query.ordering].map((order) => sqlRaw(order));
  const ids =
    page === 'last'
      ? sql`SELECT id FROM (
          SELECT p.* FROM products p WHERE ${where} ORDER BY ${back} LIMIT ${size}
        ) p ORDER BY ${there}`
      : sql`SELECT p.id FROM products p WHERE ${where}
          ORDER BY ${there} LIMIT ${size} OFFSET ${(page - 1) * pageSize}`;
  const counted = known === undefined ? total(query) : sql`SELECT ${known}::bigint AS n`;
  return sql`
    WITH total AS (${counted})
    SELECT s.lists, s.availability, s.categories, total.n AS total, ARRAY(${ids}) AS ids
    FROM catalog_state s, total`;
}
