import { openByteCache } from '../../kernel/byte-cache.ts';
import { type Db, sql } from '../../kernel/db.ts';
import { limits } from '../../kernel/limits.ts';
import type { CatalogVersions } from './catalog-state.ts';
import { loadProducts, type Product } from './products.ts';

/** The serialised JSON of one product, and what says whether it is still true. */
interface Fragment {
  json: string;
  revision: number;
  categories: number;
  confirmedAt: number;
  bytes: number;
}

type Flight = Promise<Map<string, Fragment>>;

/**
 * Cached product fragments. A change drops one; loads that were under way at that moment are
 * used by who waits for them but not kept, since they may have read the row before the change.
 */
export interface Fragments {
  /** The JSON of each product that is listed; missing ones are left out. */
  of(ids: string[], categories: number): Promise<string[]> | string[];
  drop(ids: string[]): void;
  /** Recently used fragments, for the check against the database. */
  used(): { ids: string[]; revisions: number[] };
  /** The check found these as they were `at` that time. */
  confirm(ids: string[], at: number): void;
  bytes(): number;
}

export function openFragments(db: Db, serialise: (product: Product) => string): Fragments {
  const kept = openByteCache<Fragment>(limits.listCacheBytes / 2);
  const flights = new Map<string, Flight>();
  const recentlyUsed = new Set<string>();

  async function load(ids: string[], categories: number): Flight {
    const began = Date.now();
    const products = await loadProducts(db, ids);
    return new Map(
      products.map((product) => {
        const json = serialise(product);
        const { id, revision } = product;
        return [id, { json, revision, categories, confirmedAt: began, bytes: json.length * 2 }];
      }),
    );
  }

  function fly(ids: string[], categories: number): Flight {
    const flight = load(ids, categories);
    for (const id of ids) flights.set(id, flight);
    const land = (loaded?: Map<string, Fragment>): void => {
      for (const id of ids) {
        if (flights.get(id) !== flight) continue; // dropped meanwhile: not to be kept
        flights.delete(id);
        const fragment = loaded?.get(id);
        if (fragment) kept.set(id, fragment);
      }
    };
    flight.then(land, () => land());
    return flight;
  }

  async function gather(ids: string[], found: (Fragment | undefined)[], categories: number) {
    const absent = ids.filter((_, index) => found[index] === undefined);
    const unasked = absent.filter((id) => !flights.has(id));
    const flight = unasked.length > 0 ? fly(unasked, categories) : undefined;
    const loads = absent.map((id) => flights.get(id) ?? flight);
    const loaded = new Map<string, Fragment>();
    for (const load of new Set(loads))
      for (const [id, one] of (await load) ?? []) loaded.set(id, one);
    return ids.flatMap((id, index) => (found[index] ?? loaded.get(id))?.json ?? []);
  }

  return {
    of(ids, categories) {
      const trusted = Date.now() - limits.cacheTrustMs;
      let complete = true;
      const found = ids.map((id) => {
        if (recentlyUsed.size < limits.fragmentsCheckedAtOnce) recentlyUsed.add(id);
        const fragment = kept.get(id);
        if (fragment && fragment.confirmedAt >= trusted && fragment.categories === categories) {
          return fragment;
        }
        complete = false;
        return undefined;
      });
      if (complete) return found.map((fragment) => fragment?.json ?? '');
      return gather(ids, found, categories);
    },
    drop(ids) {
      for (const id of ids) {
        kept.delete(id);
        flights.delete(id);
      }
    },
    used() {
      const ids = [...recentlyUsed].filter((id) => kept.get(id) !== undefined);
      recentlyUsed.clear();
      return { ids, revisions: ids.map((id) => kept.get(id)?.revision ?? 0) };
    },
    confirm(ids, at) {
      for (const id of ids) {
        const fragment = kept.get(id);
        if (fragment) fragment.confirmedAt = Math.max(fragment.confirmedAt, at);
      }
    },
    bytes: kept.bytes,
  };
}

/** The counters now, and which of the given fragments are out of date. */
export async function checkCatalog(
  db: Db,
  { ids, revisions }: { ids: string[]; revisions: number[] },
): Promise<CatalogVersions & { stale: string[] }> {
  const row = await db.row<CatalogVersions & { stale: string[] }>(sql`
    SELECT lists, availability, categories, ARRAY(
      SELECT kept.id FROM unnest(${ids}::uuid[], ${revisions}::int[]) AS kept (id, revision)
      LEFT JOIN products p ON p.id = kept.id
      WHERE p.revision IS DISTINCT FROM kept.revision
    ) AS stale
    FROM catalog_state`);
  if (row === undefined) throw new Error('catalog_state has no row');
  return row;
}
