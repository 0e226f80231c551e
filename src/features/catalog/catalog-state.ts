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

/** What a committed transaction changed; a hint to the caches of every node. */
export interface CatalogChange {
  productIds: string[];
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

const topic = 'catalog.changed';

/** To be called after the commit: this node's caches follow at once, the others' on the hint. */
export function announceCatalogChange(bus: Bus, change: CatalogChange): void {
  if (change.productIds.length > 0 || change.versions) bus.publish(topic, change);
}

export function onCatalogChange(bus: Bus, listener: (change: CatalogChange) => void): void {
  bus.subscribe(topic, listener);
}
