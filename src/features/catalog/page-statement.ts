import { type Sql, sql, sqlJoin, sqlRaw } from '../../kernel/db.ts';
import { limits } from '../../kernel/limits.ts';
import { condition, isFar, type Ordering, type ProductQuery, total } from './product-query.ts';

/** Columns that are sorted the same way, one after the other. */
interface Run {
  columns: string[];
  falls: boolean;
}

const rising = (...columns: string[]): Run => ({ columns, falls: false });
const falling = (...columns: string[]): Run => ({ columns, falls: true });

/** What is alike in all else is sorted by age, so that each has its place. */
const runs: Record<Ordering, Run[]> = {
  created_at: [rising('p.created_at', 'p.id')],
  '-created_at': [falling('p.created_at', 'p.id')],
  price: [rising('p.price_minor', 'p.created_at', 'p.id')],
  '-price': [falling('p.price_minor'), rising('p.created_at', 'p.id')],
  name: [rising('p.name', 'p.created_at', 'p.id')],
  '-name': [falling('p.name'), rising('p.created_at', 'p.id')],
};

/** What tells a shorter way to a page; true as long as no counter of the catalog is raised. */
export interface Known {
  /** how many products match */
  total: number;
  /** the last product of the page before */
  before?: string | undefined;
}

/** The catalog's counters, and how many products match. */
export const totalStatement = (query: ProductQuery): Sql => sql`
  WITH total AS (${total(query)})
  SELECT s.lists, s.availability, s.categories, total.n AS total FROM catalog_state s, total`;

/**
 * One statement, hence one snapshot: the catalog's counters, how many products match, and ids
 * among which the page is: see `idsOfPage`.
 */
export function pageStatement(query: ProductQuery, known?: Known): Sql {
  const counted = known === undefined ? total(query) : sql`SELECT ${known.total}::bigint AS n`;
  return sql`
    WITH total AS (${counted})
    SELECT s.lists, s.availability, s.categories, total.n AS total,
      ARRAY(${idsStatement(query, known)}) AS ids
    FROM catalog_state s, total`;
}

/** Of the ids that the statement read, which are a rounder number, and backwards from the end. */
export function idsOfPage(
  query: ProductQuery,
  { total, ids }: { total: number; ids: string[] },
  known?: Known,
): string[] {
  const { page, pageSize } = query;
  if (!isFromEnd(query, known)) return ids.slice(0, pageSize);
  const skipped = page === 'last' ? lastSkipped(total, pageSize) : (page - 1) * pageSize;
  return ids.slice(0, Math.max(0, Math.min(pageSize, total - skipped))).toReversed();
}

const lastSkipped = (total: number, pageSize: number): number =>
  total - (total % pageSize || pageSize);

/** A far page is read from the end that is nearer to it, unless it is known where it begins. */
function isFromEnd(query: ProductQuery, known?: Known): boolean {
  if (query.page === 'last') return true;
  if (known === undefined || known.before || !isFar(query)) return false;
  return (2 * query.page - 1) * query.pageSize > known.total;
}

// A bound LIMIT makes PostgreSQL plan every execution anew, so sizes are literals, and few.
const literalSizes = [10, 20, 50, 100];

function idsStatement(query: ProductQuery, known?: Known): Sql {
  const size = literalSizes.find((literal) => literal >= query.pageSize) ?? limits.maxPageSize;
  const limit = sqlRaw(String(size));
  const ordering = runs[query.ordering];
  const isFew = query.search !== undefined && known && known.total <= limits.searchSorted;
  const matching = sql`FROM products p WHERE ${condition(query)}`;
  // Else PostgreSQL may go through all products in order to find them: it cannot know how few.
  const gathered = sql`
    FROM (SELECT p.id, p.created_at, p.price_minor, p.name ${matching} OFFSET 0) p WHERE true`;
  const listed = isFew ? gathered : matching;
  if (known?.before) return idsAfter(known.before, { ordering, listed, limit });
  const order = isFromEnd(query, known) ? back(ordering) : there(ordering);
  const skipped = skippedOf(query, known);
  return sql`SELECT p.id ${listed} ORDER BY ${order} LIMIT ${limit} OFFSET ${skipped}`;
}

/** How many to pass over, from the end at which the page is read. */
function skippedOf(query: ProductQuery, known?: Known): number {
  const { page, pageSize } = query;
  if (page === 'last') return 0;
  if (known && isFromEnd(query, known)) return Math.max(0, known.total - page * pageSize);
  return (page - 1) * pageSize;
}

/**
 * The products that come after one. Where columns are sorted in different ways no one comparison
 * of rows says so: first come those alike in the columns before, then those beyond.
 */
function idsAfter(
  id: string,
  { ordering, listed, limit }: { ordering: Run[]; listed: Sql; limit: Sql },
): Sql {
  const compared = ({ columns }: Run, operator: string): Sql => {
    const row = sqlRaw(columns.join(', '));
    return sql`(${row}) ${sqlRaw(operator)} (SELECT ${row} FROM products p WHERE p.id = ${id})`;
  };
  const parts = ordering.map((run, index) => {
    const alike = ordering.slice(0, index).map((earlier) => compared(earlier, '='));
    const terms = [...alike, compared(run, run.falls ? '<' : '>')];
    return sql`
      (SELECT p.* ${listed} AND ${sqlJoin(terms, ' AND ')}
      ORDER BY ${there(ordering)} LIMIT ${limit})`;
  });
  return sql`
    SELECT p.id FROM (${sqlJoin(parts, ' UNION ALL ')}) p
    ORDER BY ${there(ordering)} LIMIT ${limit}`;
}

const there = (ordering: Run[]): Sql => orderBy(ordering, ['', ' DESC']);
const back = (ordering: Run[]): Sql => orderBy(ordering, [' DESC', '']);

function orderBy(ordering: Run[], [rises, falls]: [rises: string, falls: string]): Sql {
  const terms = ordering.flatMap((run) =>
    run.columns.map((column) => column + (run.falls ? falls : rises)),
  );
  return sqlRaw(terms.join(', '));
}
