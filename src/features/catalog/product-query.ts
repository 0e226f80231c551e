import { createHash } from 'node:crypto';
import { type Sql, sql, sqlEmpty, sqlJoin, sqlRaw } from '../../kernel/db.ts';
import { limits } from '../../kernel/limits.ts';

const orderings = {
  created_at: 'p.created_at, p.id',
  '-created_at': 'p.created_at DESC, p.id DESC',
  price: 'p.price_minor, p.created_at, p.id',
  '-price': 'p.price_minor DESC, p.created_at, p.id',
  name: 'p.name, p.created_at, p.id',
  '-name': 'p.name DESC, p.created_at, p.id',
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
  if (inStock === true) terms.push(sql`p.stock > 0`);
  if (inStock === false) terms.push(sql`p.stock = 0`);
  if (search !== undefined) {
    const pattern = `%${search.replaceAll(/[\\%_]/g, String.raw`\$&`)}%`;
    terms.push(sql`(p.name ILIKE ${pattern} OR p.description ILIKE ${pattern})`);
  }
  return sqlJoin(terms, ' AND ');
}

// A bound LIMIT makes PostgreSQL plan every execution anew, so sizes are literals, and few.
const literalSizes = [10, 20, 50, 100];

/**
 * One statement, hence one snapshot: the catalog's counters, how many products match, and the
 * ids of the page (at least `pageSize` of them where there are so many).
 */
export function pageStatement(query: ProductQuery): Sql {
  const size = literalSizes.find((literal) => literal >= query.pageSize) ?? limits.maxPageSize;
  const where = condition(query);
  const { page, pageSize } = query;
  const offset =
    page === 'last'
      ? sql`OFFSET (SELECT greatest(0, (n - 1) / ${pageSize}::bigint) * ${pageSize} FROM total)`
      : page === 1
        ? sqlEmpty
        : sql`OFFSET ${(page - 1) * pageSize}`;
  return sql`
    WITH total AS (SELECT count(*) AS n FROM products p WHERE ${where})
    SELECT s.lists, s.availability, s.categories, total.n AS total, ARRAY(
      SELECT p.id FROM products p WHERE ${where}
      ORDER BY ${sqlRaw(orderings[query.ordering])} LIMIT ${sqlRaw(String(size))} ${offset}
    ) AS ids
    FROM catalog_state s, total`;
}
