import { type Runner, sql, type Tx } from '../../kernel/db.ts';
import { Outdated } from '../../kernel/db-errors.ts';
import { newId } from '../../kernel/ids.ts';
import type { Actor } from './categories.ts';

export interface Product {
  id: string;
  name: string;
  description: string;
  priceMinor: number;
  stock: number;
  revision: number;
  category: { id: string; name: string; description: string; sellerId: number };
}

/** A product and its category, as `productColumns` are answered. */
export interface ProductRow {
  id: string;
  name: string;
  description: string;
  price_minor: number;
  stock: number;
  revision: number;
  category_id: string;
  category_name: string;
  category_description: string;
  category_seller_id: number;
}

export interface ProductFields {
  name: string;
  description: string;
  priceMinor: number;
  categoryId: string;
}

/** No category with this id that products can be put into. */
export class UnknownCategory extends Error {
  override name = 'UnknownCategory';
}

/**
 * Adds a product without stock; the inventory gives it some in the same transaction.
 * @throws UnknownCategory
 */
export async function insertProduct(
  tx: Tx,
  sellerId: number,
  fields: ProductFields,
): Promise<string> {
  await holdCategory(tx, fields.categoryId);
  const id = newId();
  tx.send(sql`
    INSERT INTO products (id, seller_id, category_id, name, description, price_minor)
    VALUES (${id}, ${sellerId}, ${fields.categoryId}, ${fields.name}, ${fields.description},
      ${fields.priceMinor})`);
  return id;
}

/** Keeps the category from being archived until this transaction ends. */
async function holdCategory(tx: Tx, id: string): Promise<void> {
  const held = await tx.row(sql`
    SELECT id FROM categories WHERE id = ${id} AND archived_at IS NULL FOR KEY SHARE`);
  if (!held) throw new UnknownCategory(id);
}

/** Where a product is counted. */
export interface Listing {
  categoryId: string;
  inStock: boolean;
}

/**
 * Changes the given fields of a product of the actor.
 * @returns where it was counted; undefined when the actor has no such product
 * @throws UnknownCategory
 */
export async function changeProduct(
  tx: Tx,
  actor: Actor,
  change: Partial<ProductFields> & { id: string },
): Promise<Listing | undefined> {
  const before = await lockOwn(tx, actor, change);
  if (before === undefined) return undefined;
  tx.send(sql`
    UPDATE products SET
      name = coalesce(${change.name ?? null}, name),
      description = coalesce(${change.description ?? null}, description),
      price_minor = coalesce(${change.priceMinor ?? null}, price_minor),
      category_id = coalesce(${change.categoryId ?? null}, category_id),
      revision = revision + 1
    WHERE id = ${change.id}`);
  return before;
}

/**
 * Takes a product out of every list; orders keep their lines.
 * @returns where it was counted; undefined when the actor has no such product
 */
export async function archiveProduct(
  tx: Tx,
  actor: Actor,
  id: string,
): Promise<Listing | undefined> {
  const before = await lockOwn(tx, actor, { id });
  if (before === undefined) return undefined;
  tx.send(sql`UPDATE products SET archived_at = now(), revision = revision + 1 WHERE id = ${id}`);
  return before;
}

/**
 * Locks a product of the actor, and before it the categories that count it: who archives one
 * locks that first, then its products.
 */
async function lockOwn(
  tx: Tx,
  actor: Actor,
  { id, categoryId }: { id: string; categoryId?: string | undefined },
): Promise<Listing | undefined> {
  const own = sql`
    SELECT category_id AS "categoryId", in_stock AS "inStock" FROM products
    WHERE id = ${id} AND archived_at IS NULL
      AND (seller_id = ${actor.userId} OR ${actor.isOperator})`;
  // Ownership before the category, so that a stranger learns nothing from the answer.
  const seen = await tx.row<Listing>(own);
  if (seen === undefined) return undefined;
  tx.send(sql`SELECT FROM categories WHERE id = ${seen.categoryId} FOR KEY SHARE`);
  if (categoryId !== undefined) await holdCategory(tx, categoryId);
  const locked = await tx.row<Listing>(sql`${own} FOR NO KEY UPDATE`);
  if (locked && locked.categoryId !== seen.categoryId) {
    // Moved meanwhile: who archives that category now waits for this product.
    const held = await tx.row(sql`
      SELECT FROM categories WHERE id = ${locked.categoryId} FOR KEY SHARE SKIP LOCKED`);
    if (!held) throw new Outdated('The product was moved');
  }
  return locked;
}

/** Of products p and categories c: what `productOf` reads. */
export const productColumns = sql`p.id, p.name, p.description, p.price_minor, p.stock, p.revision,
      c.id AS category_id, c.name AS category_name, c.description AS category_description,
      c.seller_id AS category_seller_id`;

export const productOf = (row: ProductRow): Product => ({
  id: row.id,
  name: row.name,
  description: row.description,
  priceMinor: row.price_minor,
  stock: row.stock,
  revision: row.revision,
  category: {
    id: row.category_id,
    name: row.category_name,
    description: row.category_description,
    sellerId: row.category_seller_id,
  },
});

/** Products by id with their categories, archived ones included, in no particular order. */
export async function loadProducts(db: Runner, ids: string[]): Promise<Product[]> {
  const rows = await db.rows<ProductRow>(sql`
    SELECT ${productColumns}
    FROM products p JOIN categories c ON c.id = p.category_id
    WHERE p.id = ANY(${ids}::uuid[])`);
  return rows.map(productOf);
}

/** Those of the products that are on offer, by id. */
export async function loadOffered(db: Runner, ids: string[]): Promise<Map<string, Product>> {
  const rows = await db.rows<ProductRow>(sql`
    SELECT ${productColumns}
    FROM products p JOIN categories c ON c.id = p.category_id
    WHERE p.id = ANY(${ids}::uuid[]) AND p.archived_at IS NULL`);
  return new Map(rows.map((row) => [row.id, productOf(row)]));
}
