import type { Bus } from '../../kernel/bus.ts';
import { sql, type Tx } from '../../kernel/db.ts';

/** Counters that cached answers are keyed by; raising one retires what was made before. */
export interface CatalogVersions {
  /** a product was added, edited or removed */
  lists: number;
  /** a stock reached zero or left it: lists that filter on it */
  availability: number;
  /** a category was added, edited or removed: products show theirs */
  categories: number;
}

/** What a product has left, and the revision at which it had that. Short, as there are many. */
export type StockLevel = [productId: string, stock: number, revision: number];

/** What a committed transaction changed; a hint to the caches of every node. */
export interface CatalogChange {
  productIds: string[];
  /** of those, not among the others, of which nothing but the stock was changed, once */
  levels: StockLevel[];
  versions: CatalogVersions | undefined;
}

type Counter = keyof CatalogVersions;

/** By how many the products of a category's lists change. */
export interface CountChange {
  categoryId: string;
  listed: number;
  inStock: number;
}

/**
 * Raises counters, and counts products into the lists of their categories or out of them, in one
 * statement. To be called last in a transaction: the counts of categories and the row of counters
 * are the last in the lock order.
 * @returns the counters as they are once the transaction commits
 */
export async function raiseVersions(
  tx: Tx,
  counters: Counter[],
  changes: CountChange[] = [],
): Promise<CatalogVersions> {
  const by = (counter: Counter): number => (counters.includes(counter) ? 1 : 0);
  const sum = (of: 'listed' | 'inStock'): number =>
    changes.reduce((total, change) => total + change[of], 0);
  // An UPDATE alone would lock the counts as they come, and perhaps after the counters.
  const versions = await tx.row<CatalogVersions>(sql`
    WITH change AS (
      SELECT category_id, sum(listed) AS listed, sum(in_stock) AS in_stock
      FROM unnest(${changes.map((change) => change.categoryId)}::uuid[],
        ${changes.map((change) => change.listed)}::int[],
        ${changes.map((change) => change.inStock)}::int[])
        AS e (category_id, listed, in_stock)
      GROUP BY 1
    ), locked AS (
      SELECT category_id FROM category_counts
      WHERE category_id IN (SELECT category_id FROM change)
      ORDER BY category_id FOR NO KEY UPDATE
    ), counted AS (
      UPDATE category_counts c SET
        listed_products = c.listed_products + change.listed,
        in_stock_products = c.in_stock_products + change.in_stock
      FROM locked JOIN change USING (category_id)
      WHERE c.category_id = locked.category_id
      RETURNING 1
    )
    UPDATE catalog_state SET
      listed_products = listed_products + ${sum('listed')},
      in_stock_products = in_stock_products + ${sum('inStock')},
      lists = lists + ${by('lists')},
      availability = availability + ${by('availability')},
      categories = categories + ${by('categories')}
    FROM (SELECT count(*) FROM counted) AS before
    RETURNING lists, availability, categories`);
  return versions as CatalogVersions;
}

const topic = 'catalog.changed';

/** To be called after the commit: this node's caches follow at once, the others' on the hint. */
export function announceCatalogChange(bus: Bus, change: Partial<CatalogChange>): void {
  const { productIds = [], levels = [], versions } = change;
  if (productIds.length + levels.length === 0 && versions === undefined) return;
  bus.publish(topic, { productIds, levels, versions } satisfies CatalogChange);
}

export function onCatalogChange(bus: Bus, listener: (change: CatalogChange) => void): void {
  const empty = { productIds: [], levels: [], versions: undefined };
  // A node of another version may leave parts out.
  bus.subscribe(topic, (change: Partial<CatalogChange>) => listener({ ...empty, ...change }));
}
