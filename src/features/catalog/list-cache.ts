import type { Context } from '../../context.ts';
import { openByteCache } from '../../kernel/byte-cache.ts';
import { notFound } from '../../kernel/errors.ts';
import { limits } from '../../kernel/limits.ts';
import { repeat } from '../../kernel/repeat.ts';
import { type CatalogVersions, onCatalogChange } from './catalog-state.ts';
import { checkCatalog, openFragments } from './fragments.ts';
import { keyOf, type ProductQuery, pageStatement } from './product-query.ts';
import type { Product } from './products.ts';

/** The ids on one page of a query, valid for one state of the catalog. */
interface Page {
  lists: number;
  /** 0 where the query does not filter on stock */
  availability: number;
  total: number;
  ids: string[];
}

export interface ListPage {
  total: number;
  page: number;
  totalPages: number;
  /** the serialised products of the page, in order */
  products: string[];
}

/**
 * Pages of ids and fragments of products. Nothing kept here is served unless the database
 * confirmed it within the last second: hints keep it fresh at once, a look at the counters and
 * revisions every `catalogPollMs` finds what hints missed.
 */
export interface ListCache {
  /** @throws Refusal not_found `Invalid page.` past the end */
  list(query: ProductQuery): Promise<ListPage>;
  close(): void;
}

export function openListCache(
  context: Context,
  serialise: (product: Product) => string,
): ListCache {
  const { db, bus, log, metrics } = context;
  const pages = openByteCache<Page & { bytes: number }>(limits.listCacheBytes / 2);
  const fragments = openFragments(db, serialise);
  const flights = new Map<string, Promise<Page>>();
  let known: CatalogVersions = { lists: 0, availability: 0, categories: 0 };
  let trustedUntil = 0;
  let lastUsed = 0;
  let checking: Promise<void> | undefined;

  const learn = (versions: CatalogVersions): void => {
    known = {
      lists: Math.max(known.lists, versions.lists),
      availability: Math.max(known.availability, versions.availability),
      categories: Math.max(known.categories, versions.categories),
    };
  };
  onCatalogChange(bus, ({ productIds, versions }) => {
    if (versions) learn(versions);
    fragments.drop(productIds);
  });

  async function check(): Promise<void> {
    const began = Date.now();
    const used = fragments.used();
    const { stale, ...versions } = await checkCatalog(db, used);
    learn(versions);
    fragments.drop(stale);
    fragments.confirm(used.ids, began);
    trustedUntil = began + limits.cacheTrustMs;
    metrics.listCacheBytes.set(pages.bytes() + fragments.bytes());
  }
  const checkOnce = (): Promise<void> => {
    checking ??= check().finally(() => (checking = undefined));
    return checking;
  };
  const polling = repeat(
    async () => {
      if (Date.now() - lastUsed < 2_000) await checkOnce();
    },
    limits.catalogPollMs,
    (error) => log.debug({ err: error }, 'could not check the list cache'),
  );

  async function loadPage(query: ProductQuery, key: string): Promise<Page> {
    const availability = query.inStock === undefined ? 0 : known.availability;
    const sharedKey = `souk:page:${known.lists}.${availability}:${key}`;
    const shared = readPage(await context.cache.get(sharedKey));
    if (shared !== undefined) {
      metrics.listCache.inc({ result: 'shared' });
      return shared;
    }
    metrics.listCache.inc({ result: 'miss' });
    const row = await db.row<CatalogVersions & { total: number; ids: string[] }>(
      pageStatement(query),
    );
    if (row === undefined) throw new Error('catalog_state has no row');
    learn(row);
    const page = {
      lists: row.lists,
      availability: query.inStock === undefined ? 0 : row.availability,
      total: row.total,
      ids: row.ids.slice(0, sizeOf(query, row.total)),
    };
    const madeKey = `souk:page:${page.lists}.${page.availability}:${key}`;
    context.cache.set(madeKey, JSON.stringify(page), limits.sharedPageSeconds);
    return page;
  }

  function findPage(query: ProductQuery): Page | Promise<Page> {
    const key = keyOf(query);
    const availability = query.inStock === undefined ? 0 : known.availability;
    const page = pages.get(key);
    if (page && page.lists === known.lists && page.availability === availability) {
      metrics.listCache.inc({ result: 'hit' });
      return page;
    }
    // The counters are part of the name: who comes after a change must not join a load from before.
    const name = `${known.lists}.${availability}:${key}`;
    let flight = flights.get(name);
    if (flight === undefined) {
      flight = loadPage(query, key).finally(() => flights.delete(name));
      flights.set(name, flight);
      flight.then(
        (loaded) => pages.set(key, { ...loaded, bytes: loaded.ids.length * 60 + key.length * 2 }),
        () => undefined,
      );
    }
    return flight;
  }

  async function list(query: ProductQuery): Promise<ListPage> {
    lastUsed = Date.now();
    // Twice at most: a product may be deleted between the reading of its page and of itself.
    for (let attempt = 1; ; attempt += 1) {
      if (lastUsed >= trustedUntil) await checkOnce();
      const found = await findPage(query);
      const totalPages = Math.max(1, Math.ceil(found.total / query.pageSize));
      const page = query.page === 'last' ? totalPages : query.page;
      if (page > totalPages) throw notFound('Invalid page.');
      const products = await fragments.of(found.ids, known.categories);
      if (products.length === found.ids.length || attempt === 2) {
        return { total: found.total, page, totalPages, products };
      }
      trustedUntil = 0;
    }
  }

  return { list, close: () => polling.stop() };
}

/** `pageSize`, or on the last page what is left. The statement reads a rounder number. */
function sizeOf(query: ProductQuery, total: number): number {
  const { page, pageSize } = query;
  if (page !== 'last') return pageSize;
  return total === 0 ? 0 : ((total - 1) % pageSize) + 1;
}

/** What another node put into the shared cache; anything else there counts as nothing. */
function readPage(json: string | undefined): Page | undefined {
  if (json === undefined) return undefined;
  try {
    const page = JSON.parse(json) as Page;
    return Array.isArray(page.ids) && Number.isInteger(page.total) ? page : undefined;
  } catch {
    return undefined;
  }
}
