import type { Context } from '../../context.ts';
import { notFound } from '../../kernel/errors.ts';
import { limits } from '../../kernel/limits.ts';
import { type Repeated, repeat } from '../../kernel/repeat.ts';
import { type CatalogVersions, onCatalogChange } from './catalog-state.ts';
import { type Category, loadCategories } from './categories.ts';
import { checkCatalog, Fragments } from './fragments.ts';
import { Pages } from './pages.ts';
import type { ProductQuery } from './product-query.ts';
import type { Product } from './products.ts';

/** What is made of a list is true for as long as `isCurrent` says so of the list's stamp. */
export interface Stamp {
  generation: number;
  /** a moment of Date.now() */
  trustedUntil: number;
}

export interface ListPage {
  total: number;
  page: number;
  totalPages: number;
  /** the serialised products of the page, in order */
  products: string[];
  stamp: Stamp;
}

/**
 * Pages of ids and fragments of products. Nothing kept here is served unless the database
 * confirmed it within the last second: hints keep it fresh at once, a look at the counters and
 * revisions every `catalogPollMs` finds what hints missed.
 */
export class ListCache {
  readonly #context: Context;
  readonly #pages: Pages;
  readonly #fragments: Fragments;
  readonly #polling: Repeated;
  #known: CatalogVersions = { lists: 0, availability: 0, categories: 0 };
  #generation = 0;
  #trustedUntil = 0;
  #lastUsed = 0;
  #checking: Promise<void> | undefined;
  #categories: { version: number; landed: Promise<Category[]> } | undefined;

  constructor(context: Context, serialise: (product: Product) => string) {
    this.#context = context;
    this.#pages = new Pages(context, (versions) => this.#learn(versions));
    this.#fragments = new Fragments(context.db, serialise);
    onCatalogChange(context.bus, (change) => {
      if (change.versions) this.#learn(change.versions);
      this.#fragments.follow(change);
      this.#generation += 1;
    });
    this.#polling = repeat(
      async () => {
        if (Date.now() - this.#lastUsed < limits.catalogIdleMs) await this.#check();
      },
      limits.catalogPollMs,
      (error) => context.log.debug({ err: error }, 'could not check the list cache'),
    );
  }

  /** @throws Refusal not_found `Invalid page.` past the end · Unavailable without the database */
  async list(query: ProductQuery): Promise<ListPage> {
    await this.#trust();
    const generation = this.#generation;
    const { total, ids } = await this.#pages.find(query, this.#known);
    const totalPages = Math.max(1, Math.ceil(total / query.pageSize));
    const page = query.page === 'last' ? totalPages : query.page;
    if (page > totalPages) throw notFound('Invalid page.');
    const fragments = await this.#fragments.of(ids, this.#known.categories);
    const confirmed = fragments.map(({ confirmedAt }) => confirmedAt + limits.cacheTrustMs);
    const trustedUntil = Math.min(this.#trustedUntil, ...confirmed);
    return {
      total,
      page,
      totalPages,
      products: fragments.map((fragment) => fragment.json()),
      stamp: { generation, trustedUntil },
    };
  }

  /** All categories on offer, oldest first. @throws Unavailable without the database */
  async categories(): Promise<{ categories: Category[]; stamp: Stamp }> {
    await this.#trust();
    const { categories: version } = this.#known;
    const stamp = { generation: this.#generation, trustedUntil: this.#trustedUntil };
    if (this.#categories?.version !== version) {
      const landed = loadCategories(this.#context.db);
      const flight = { version, landed };
      this.#categories = flight;
      landed.catch(() => {
        if (this.#categories === flight) this.#categories = undefined;
      });
    }
    return { categories: await this.#categories.landed, stamp };
  }

  /** Rises with every change, and every look at the database. */
  get generation(): number {
    return this.#generation;
  }

  /** Nothing has changed since the list was made, as far as this node may trust what it knows. */
  isCurrent({ generation, trustedUntil }: Stamp): boolean {
    this.#polling.catchUp();
    return generation === this.#generation && Date.now() < trustedUntil;
  }

  close(): void {
    this.#polling.stop();
  }

  async #trust(): Promise<void> {
    this.#lastUsed = Date.now();
    if (this.#lastUsed >= this.#trustedUntil) await this.#check();
  }

  #learn(versions: CatalogVersions): void {
    const known = this.#known;
    this.#known = {
      lists: Math.max(known.lists, versions.lists),
      availability: Math.max(known.availability, versions.availability),
      categories: Math.max(known.categories, versions.categories),
    };
    const counters = ['lists', 'availability', 'categories'] as const;
    const isNew = counters.some((counter) => versions[counter] > known[counter]);
    if (isNew) this.#generation += 1;
  }

  /** Compares with the database; callers at the same time share one look. */
  #check(): Promise<void> {
    this.#checking ??= this.#compare().finally(() => {
      this.#checking = undefined;
    });
    return this.#checking;
  }

  async #compare(): Promise<void> {
    const { db, metrics } = this.#context;
    const began = Date.now();
    const used = this.#fragments.used();
    const { stale, ...versions } = await checkCatalog(db.beside, used);
    this.#learn(versions);
    this.#fragments.follow({ productIds: stale, levels: [] });
    this.#fragments.confirm(used.ids, began);
    this.#generation += 1; // who made something of a list asks again, so that its use is seen
    this.#trustedUntil = began + limits.cacheTrustMs;
    metrics.listCacheBytes.set(this.#pages.bytes + this.#fragments.bytes);
  }
}
