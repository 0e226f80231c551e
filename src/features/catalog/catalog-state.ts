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

/** What a product has left, and the revision at which it had that. */
export interface StockLevel {
  id: string;
  stock: number;
  revision: number;
}

/** What a committed transaction changed; a hint to the caches of every node. */
export interface CatalogChange {
  productIds: string[];
  /** of those of them of which nothing but the stock was changed, once */
  levels?: StockLevel[];
  versions: CatalogVersions | undefined;
}

type Counter = keyof CatalogVersions;

/**
 * Raises counters. To be called last in a transaction: the row is the last in the lock order.
 * @returns the counters as they are once the transaction commits
 */
export async function raiseVersions(tx: Tx, ...counters: Counter[]): Promise<CatalogVersions> {
  const by = (counter: Counter): number => (counters.includes(counter) ? 1 : 0);
  const versions = await tx.row<CatalogVersions>(sql`
    UPDATE catalog_state SET
      lists = lists + ${by('lists')},
      availability = availability + ${by('availability')},
      categories = categories + ${by('categories')}
    RETURNING lists, availability, categories`);
  return versions as CatalogVersions;
}

/**
 * Counts products into the lists of their categories, or out of them. Just before `raiseVersions`:
 * categories in id order come before the counters in the lock order.
 */
export function countListed(tx: Tx, changes: { categoryId: string; by: number }[]): void {
  for (const { categoryId, by } of changes.toSorted((a, b) =>
    a.categoryId < b.categoryId ? -1 : 1,
  )) {
    tx.send(sql`
      UPDATE categories SET listed_products = listed_products + ${by} WHERE id = ${categoryId}`);
  }
  const sum = changes.reduce((total, { by }) => total + by, 0);
  tx.send(sql`UPDATE catalog_state SET listed_products = listed_products + ${sum}`);
}

const topic = 'catalog.changed';

/** To be called after the commit: this node's caches follow at once, the others' on the hint. */
export function announceCatalogChange(bus: Bus, change: CatalogChange): void {
  if (change.productIds.length > 0 || change.versions) bus.publish(topic, change);
}

export function onCatalogChange(bus: Bus, listener: (change: CatalogChange) => void): void {
  bus.subscribe(topic, listener);
}
