import type { Context } from '../../context.ts';
import { ByteCache } from '../../kernel/byte-cache.ts';
import type { Sql } from '../../kernel/db.ts';
import { limits } from '../../kernel/limits.ts';
import type { CatalogVersions } from './catalog-state.ts';
import { idsOfPage, type Known, pageStatement, totalStatement } from './page-statement.ts';
import { filterKeyOf, isCounted, isFar, keyOf, type ProductQuery } from './product-query.ts';

/** The ids on one page of a query, valid for one state of the catalog. */
export interface Page {
  lists: number;
  /** 0 where the query does not filter on stock */
  availability: number;
  total: number;
  ids: string[];
}

/**
 * Cached pages of ids. A page counts for the counters it was read under, so raising one retires
 * it; with Redis, nodes share those that take long to read.
 */
export class Pages {
  readonly #context: Context;
  readonly #learn: (versions: CatalogVersions) => void;
  readonly #kept = new ByteCache<Page & { bytes: number }>(limits.listCacheBytes / 2);
  /** how many products match a filter, whatever page of them was read */
  readonly #totals = new ByteCache<Counters & { total: number; bytes: number }>(
    limits.listTotalsBytes,
  );
  readonly #flights = new Map<string, Promise<Page>>();

  /** @param learn is told the counters that a page was read under */
  constructor(context: Context, learn: (versions: CatalogVersions) => void) {
    this.#context = context;
    this.#learn = learn;
  }

  get bytes(): number {
    return this.#kept.bytes;
  }

  /** The page of a query for the counters as they are known; at once when it is kept. */
  find(query: ProductQuery, known: CatalogVersions): Page | Promise<Page> {
    const key = keyOf(query);
    const wanted = countersOf(query, known);
    const page = this.#kept.get(key);
    if (page && areSame(page, wanted)) {
      this.#context.metrics.listCache.inc({ result: 'hit' });
      return page;
    }
    // Named after the counters: who comes after a change must not join a load from before it.
    const name = nameOf(key, wanted);
    let flight = this.#flights.get(name);
    if (flight === undefined) {
      flight = this.#load(query, { key, name, wanted }).finally(() => this.#flights.delete(name));
      this.#flights.set(name, flight);
    }
    return flight;
  }

  async #load(
    query: ProductQuery,
    { key, name, wanted }: { key: string; name: string; wanted: Counters },
  ): Promise<Page> {
    // Others are read from the database as quickly as from Redis.
    const shared = isCounted(query) ? await this.#readShared(name) : undefined;
    const page = shared ?? (await this.#read(query, { key, wanted }));
    this.#kept.set(key, { ...page, bytes: page.ids.length * 60 + key.length * 2 });
    const { lists, availability, total } = page;
    const filter = filterKeyOf(query);
    this.#totals.set(filter, { lists, availability, total, bytes: filter.length * 2 });
    return page;
  }

  async #readShared(name: string): Promise<Page | undefined> {
    const json = await this.#context.cache.get(name);
    if (json === undefined) return undefined;
    try {
      const page = JSON.parse(json) as Page;
      if (!Array.isArray(page.ids) || !Number.isInteger(page.total)) return undefined;
      this.#context.metrics.listCache.inc({ result: 'shared' });
      return page;
    } catch {
      return undefined; // not ours: whatever it is, it counts as nothing
    }
  }

  async #read(
    query: ProductQuery,
    { key, wanted }: { key: string; wanted: Counters },
  ): Promise<Page> {
    const { cache, metrics } = this.#context;
    metrics.listCache.inc({ result: 'miss' });
    const known = await this.#near(query, wanted);
    let page = await this.#readPage(query, known);
    // Something was changed since: what was known is not true of this snapshot.
    if (known !== undefined && !areSame(page, known)) page = await this.#readPage(query);
    if (isCounted(query)) {
      cache.set(nameOf(key, page), JSON.stringify(page), limits.sharedPageSeconds);
    }
    return page;
  }

  /** What other pages of these products tell; where that saves much, how many there are. */
  async #near(query: ProductQuery, wanted: Counters): Promise<(Known & Counters) | undefined> {
    if (isFar(query)) {
      const before = this.#kept.get(keyOf({ ...query, page: query.page - 1 }));
      if (before && areSame(before, wanted)) return { ...before, before: before.ids.at(-1) };
    }
    const known = this.#totals.get(filterKeyOf(query));
    if (known && areSame(known, wanted)) return known;
    if (query.search === undefined && !isFar(query)) return undefined;
    const { total, ...versions } = await this.#ask<{ total: number }>(totalStatement(query));
    return { ...countersOf(query, versions), total };
  }

  async #readPage(query: ProductQuery, known?: Known): Promise<Page> {
    const statement = pageStatement(query, known);
    const row = await this.#ask<{ total: number; ids: string[] }>(statement);
    return { ...countersOf(query, row), total: row.total, ids: idsOfPage(query, row, known) };
  }

  async #ask<Row>(statement: Sql): Promise<Row & CatalogVersions> {
    const row = await this.#context.db.row<Row & CatalogVersions>(statement, 'variant');
    if (row === undefined) throw new Error('catalog_state has no row');
    this.#learn(row);
    return row;
  }
}

type Counters = Pick<Page, 'lists' | 'availability'>;

const countersOf = (query: ProductQuery, { lists, availability }: Counters): Counters => ({
  lists,
  availability: query.inStock === undefined ? 0 : availability,
});

const nameOf = (key: string, { lists, availability }: Counters): string =>
  `page:${lists}.${availability}:${key}`;

const areSame = (one: Counters, other: Counters): boolean =>
  one.lists === other.lists && one.availability === other.availability;
