import { ByteCache } from '../../kernel/byte-cache.ts';
import { type Db, type Runner, sql } from '../../kernel/db.ts';
import { limits } from '../../kernel/limits.ts';
import type { CatalogChange, CatalogVersions, StockLevel } from './catalog-state.ts';
import { loadProducts, type Product } from './products.ts';

/** One product and its serialised JSON, and what says whether it is still true. */
export interface Fragment {
  json(): string;
  product: Product;
  categories: number;
  confirmedAt: number;
  bytes: number;
}

/** A load under way, for the categories as they were known when it began. */
interface Flight {
  categories: number;
  landed: Promise<Map<string, Fragment>>;
}

/**
 * Cached product fragments. A change drops one, or gives it its new stock; loads that were under
 * way at that moment are used by who waits for them but not kept, since they may have read the row
 * before the change.
 */
export class Fragments {
  readonly #db: Db;
  readonly #serialise: (product: Product) => string;
  readonly #kept = new ByteCache<Fragment>(limits.listCacheBytes / 2);
  readonly #flights = new Map<string, Flight>();
  readonly #recentlyUsed = new Set<string>();

  constructor(db: Db, serialise: (product: Product) => string) {
    this.#db = db;
    this.#serialise = serialise;
  }

  /** Each product that is there, at once when all are kept and trusted. */
  of(ids: string[], categories: number): Promise<Fragment[]> | Fragment[] {
    const trusted = Date.now() - limits.cacheTrustMs;
    const found = ids.map((id) => {
      if (this.#recentlyUsed.size < limits.fragmentsCheckedAtOnce) this.#recentlyUsed.add(id);
      const fragment = this.#kept.get(id);
      const isTrue = fragment?.categories === categories && fragment.confirmedAt >= trusted;
      return isTrue ? fragment : undefined;
    });
    const complete = found.filter((fragment) => fragment !== undefined);
    return complete.length === ids.length ? complete : this.#gather(ids, found, categories);
  }

  /**
   * Drops what was changed. Of whose stock alone was, only that is made anew: a list of what sells
   * well would else be read from the database for each sale.
   */
  follow({ productIds, levels }: Pick<CatalogChange, 'productIds' | 'levels'>): void {
    for (const id of productIds) {
      this.#flights.delete(id);
      this.#kept.delete(id);
    }
    for (const level of levels) {
      const [id] = level;
      this.#flights.delete(id);
      const kept = this.#kept.peek(id);
      const after = kept && this.#after(kept, level);
      if (after === undefined) this.#kept.delete(id);
      else if (after !== kept) this.#kept.set(id, after);
    }
  }

  /** Those used since the last call, for the check against the database. */
  used(): { ids: string[]; revisions: number[] } {
    const ids = [...this.#recentlyUsed].filter((id) => this.#kept.get(id) !== undefined);
    this.#recentlyUsed.clear();
    return { ids, revisions: ids.map((id) => this.#kept.get(id)?.product.revision ?? 0) };
  }

  /** The check found these unchanged `at` that time. */
  confirm(ids: string[], at: number): void {
    for (const id of ids) {
      const fragment = this.#kept.get(id);
      if (fragment) fragment.confirmedAt = Math.max(fragment.confirmedAt, at);
    }
  }

  get bytes(): number {
    return this.#kept.bytes;
  }

  async #gather(
    ids: string[],
    found: (Fragment | undefined)[],
    categories: number,
  ): Promise<Fragment[]> {
    const absent = ids.filter((_, index) => found[index] === undefined);
    // A load that began before a category changed is not for who comes after.
    const unasked = absent.filter((id) => this.#flights.get(id)?.categories !== categories);
    if (unasked.length > 0) this.#fly(unasked, categories);
    // Taken before waiting: a drop meanwhile must not make this wait for another load.
    const flights = new Set(absent.flatMap((id) => this.#flights.get(id) ?? []));
    const loaded = new Map<string, Fragment>();
    for (const { landed } of flights) {
      for (const [id, one] of await landed) loaded.set(id, one);
    }
    return ids.flatMap((id, index) => found[index] ?? loaded.get(id) ?? []);
  }

  #fly(ids: string[], categories: number): void {
    const flight = { categories, landed: this.#load(ids, categories) };
    for (const id of ids) this.#flights.set(id, flight);
    const land = (loaded?: Map<string, Fragment>): void => {
      for (const id of ids) {
        if (this.#flights.get(id) !== flight) continue; // dropped meanwhile: not to be kept
        this.#flights.delete(id);
        const fragment = loaded?.get(id);
        if (fragment) this.#kept.set(id, fragment);
      }
    };
    flight.landed.then(land, () => land());
  }

  async #load(ids: string[], categories: number): Promise<Map<string, Fragment>> {
    const confirmedAt = Date.now();
    const products = await loadProducts(this.#db, ids);
    return new Map(
      products.map((product) => {
        const { name, description, category } = product;
        const characters = [name, description, category.name, category.description].join('').length;
        const bytes = 4 * characters + 1_500; // the text, its parts, and the objects that hold them
        return [product.id, this.#make(product, { categories, confirmedAt, bytes })];
      }),
    );
  }

  /** Made into JSON when it is first shown: much is sold that nobody looks at meanwhile. */
  #make(product: Product, { categories, confirmedAt, bytes }: Omit<Fragment, 'json' | 'product'>) {
    let json: string | undefined;
    return {
      json: () => (json ??= this.#serialise(product)),
      product,
      categories,
      confirmedAt,
      bytes,
    };
  }

  /** The fragment at this stock; undefined when a change before that was not heard of. */
  #after(kept: Fragment, [, stock, revision]: StockLevel): Fragment | undefined {
    const { product } = kept;
    if (product.revision >= revision) return kept;
    if (product.revision + 1 !== revision) return undefined;
    return this.#make({ ...product, stock, revision }, kept);
  }
}

/** The counters now, and which of the given fragments are out of date. */
export async function checkCatalog(
  db: Runner,
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
