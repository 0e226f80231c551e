import type { Bus } from '../../kernel/bus.ts';
import { type Db, sql, type Tx } from '../../kernel/db.ts';
import { conflict, notFound } from '../../kernel/errors.ts';
import { newId } from '../../kernel/ids.ts';
import { announceCatalogChange, raiseVersions } from './catalog-state.ts';

export interface Category {
  id: string;
  name: string;
  description: string;
  sellerId: number;
}

/** Who acts on the catalog: a seller owns what it made, an operator may do all. */
export interface Actor {
  userId: number;
  isOperator: boolean;
}

interface Outside {
  db: Db;
  bus: Bus;
}

export async function createCategory(
  { db, bus }: Outside,
  sellerId: number,
  fields: { name: string; description: string },
): Promise<Category> {
  const id = newId();
  const versions = await db.transaction(async (tx) => {
    tx.send(sql`INSERT INTO categories (id, seller_id, name, description)
      VALUES (${id}, ${sellerId}, ${fields.name}, ${fields.description})`);
    tx.send(sql`INSERT INTO category_counts (category_id) VALUES (${id})`);
    return raiseVersions(tx, ['categories']);
  });
  announceCatalogChange(bus, { versions });
  return { id, sellerId, ...fields };
}

/** All categories on offer, oldest first. */
export function loadCategories(db: Db): Promise<Category[]> {
  return db.rows(sql`
    SELECT id, name, description, seller_id AS "sellerId" FROM categories
    WHERE archived_at IS NULL ORDER BY created_at, id`);
}

/** @throws Refusal not_found unless there is such a category of the actor */
export async function updateCategory(
  { db, bus }: Outside,
  actor: Actor,
  change: { id: string; name?: string | undefined; description?: string | undefined },
): Promise<Category> {
  const { category, versions } = await db.transaction(async (tx) => {
    const updated = await tx.row<Category>(sql`
      UPDATE categories SET
        name = coalesce(${change.name ?? null}, name),
        description = coalesce(${change.description ?? null}, description)
      WHERE id = ${change.id} AND archived_at IS NULL
        AND (seller_id = ${actor.userId} OR ${actor.isOperator})
      RETURNING id, name, description, seller_id AS "sellerId"`);
    if (!updated) throw notFound('Category not found.');
    return { category: updated, versions: await raiseVersions(tx, ['categories']) };
  });
  announceCatalogChange(bus, { versions });
  return category;
}

/**
 * Takes a category and its products out of every list and cart; past orders keep their lines.
 * @throws Refusal not_found unless there is such a category of the actor; conflict while it holds
 * a product of another seller
 */
export async function archiveCategory(
  { db, bus }: Outside,
  actor: Actor,
  id: string,
): Promise<{ productIds: string[] }> {
  const change = await db.transaction(async (tx) => {
    // The category first: who puts a product into it holds the same row.
    const category = await tx.row(sql`
      SELECT id FROM categories
      WHERE id = ${id} AND archived_at IS NULL
        AND (seller_id = ${actor.userId} OR ${actor.isOperator})
      FOR UPDATE`);
    if (!category) throw notFound('Category not found or access denied.');
    const products = await lockProducts(tx, id);
    if (!actor.isOperator && products.some((product) => product.seller_id !== actor.userId)) {
      throw conflict('Category holds products of other sellers and cannot be deleted.');
    }
    const productIds = products.map((product) => product.id);
    tx.send(sql`UPDATE products SET archived_at = now(), revision = revision + 1
      WHERE id = ANY(${productIds}::uuid[])`);
    tx.send(sql`UPDATE categories SET archived_at = now() WHERE id = ${id}`);
    const inStock = products.filter((product) => product.in_stock).length;
    const counts = [{ categoryId: id, listed: -products.length, inStock: -inStock }];
    return { productIds, versions: await raiseVersions(tx, ['lists', 'categories'], counts) };
  });
  announceCatalogChange(bus, change);
  return { productIds: change.productIds };
}

async function lockProducts(tx: Tx, categoryId: string) {
  return tx.rows<{ id: string; seller_id: number; in_stock: boolean }>(sql`
    SELECT id, seller_id, in_stock FROM products
    WHERE category_id = ${categoryId} AND archived_at IS NULL
    ORDER BY id FOR NO KEY UPDATE`);
}
