import { createHash } from 'node:crypto';
import { type Sql, sql, sqlJoin } from '../../kernel/db.ts';
import { limits } from '../../kernel/limits.ts';

const orderings = ['created_at', '-created_at', 'price', '-price', 'name', '-name'] as const;
export type Ordering = (typeof orderings)[number];

/** A normalized request for a page of products: equal requests have equal keys. */
export interface ProductQuery {
  page: number | 'last';
  pageSize: number;
  ordering: Ordering;
  categoryId?: string | undefined;
  minPriceMinor?: number | undefined;
  maxPriceMinor?: number | undefined;
  inStock?: boolean | undefined;
  search?: string | undefined;
}

export const isOrdering = (name: string): name is Ordering =>
  orderings.some((ordering) => ordering === name);

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

/** Which products `p` match. */
export function condition(query: ProductQuery): Sql {
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

/** Whether the products that match have to be counted, one by one. */
export const isCounted = ({ minPriceMinor, maxPriceMinor, search }: ProductQuery): boolean =>
  [minPriceMinor, maxPriceMinor, search].some((filter) => filter !== undefined);

/** Whether there are many products on the pages before: more than it costs to pass over them. */
export const isFar = (query: ProductQuery): query is ProductQuery & { page: number } =>
  query.page !== 'last' && (query.page - 1) * query.pageSize > limits.rowsSkipped;

/** How many match. What is counted already (`raiseVersions`) costs the same however many. */
export function total(query: ProductQuery): Sql {
  const { categoryId, inStock } = query;
  if (isCounted(query)) return sql`SELECT count(*) AS n FROM products p WHERE ${condition(query)}`;
  const soldOut = sql`listed_products - in_stock_products`;
  const kept =
    inStock === undefined ? sql`listed_products` : inStock ? sql`in_stock_products` : soldOut;
  if (categoryId === undefined) return sql`SELECT ${kept} AS n FROM catalog_state`;
  return sql`
    SELECT coalesce(max(${kept}), 0) AS n FROM category_counts WHERE category_id = ${categoryId}`;
}
