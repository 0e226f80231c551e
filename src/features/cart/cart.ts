import { type Db, type Runner, type Sql, sql, type Tx } from '../../kernel/db.ts';
import { type Product, type ProductRow, productColumns, productOf } from '../catalog/products.ts';

export interface Line {
  product: Product;
  quantity: number;
}

export interface Cart {
  lines: (Line & { subtotalMinor: number })[];
  totalItems: number;
  totalMinor: number;
}

export function cartOf(lines: Line[]): Cart {
  const priced = lines.map(({ product, quantity }) => {
    return { product, quantity, subtotalMinor: product.priceMinor * quantity };
  });
  return {
    lines: priced,
    totalItems: priced.reduce((sum, line) => sum + line.quantity, 0),
    totalMinor: priced.reduce((sum, line) => sum + line.subtotalMinor, 0),
  };
}

/**
 * What buyers have put aside: products on offer only, in the order they were added.
 * @returns the cart of each, in the same order
 */
export async function readCarts(db: Runner, buyerIds: number[]): Promise<Cart[]> {
  const rows = await db.rows<ProductRow & { buyer_id: number; quantity: number }>(sql`
    SELECT l.buyer_id, l.quantity, ${productColumns}
    FROM cart_lines l
    JOIN products p ON p.id = l.product_id AND p.archived_at IS NULL
    JOIN categories c ON c.id = p.category_id
    WHERE l.buyer_id = ANY(${buyerIds}::int[])
    ORDER BY l.added_at, l.product_id`);
  const lines = new Map<number, Line[]>(buyerIds.map((id) => [id, []]));
  for (const row of rows) {
    lines.get(row.buyer_id)?.push({ product: productOf(row), quantity: row.quantity });
  }
  return buyerIds.map((id) => cartOf(lines.get(id) ?? []));
}

/** Removes the product's line if there is one. */
export async function removeFromCart(db: Db, buyerId: number, productId: string): Promise<void> {
  await db.rows(sql`
    DELETE FROM cart_lines WHERE buyer_id = ${buyerId} AND product_id = ${productId}`);
}

export async function emptyCart(db: Db, buyerId: number): Promise<void> {
  await db.transaction(async (tx) => {
    lockBuyers(tx, [buyerId]); // so that no line is added that is not locked in its turn
    lockLines(tx, [buyerId]); // a DELETE alone takes them as they lie
    tx.send(sql`DELETE FROM cart_lines WHERE buyer_id = ${buyerId}`);
  });
}

/** In id order: two nodes never wait for each other in a circle. Lines that are new need it. */
export function lockBuyers(tx: Tx, buyerIds: number[]): void {
  tx.send(sql`
    SELECT id FROM users WHERE id = ANY(${buyerIds}::int[]) ORDER BY id
    FOR NO KEY UPDATE`);
}

/** In the order in which checkouts lock them: see `lockCarts`. */
export function lockLines(tx: Tx, buyerIds: number[]): void {
  tx.send(sql`
    SELECT FROM cart_lines WHERE buyer_id = ANY(${buyerIds}::int[])
    ORDER BY buyer_id, product_id FOR UPDATE`);
}

/**
 * Takes the carts of several buyers into a checkout: locks their lines (in buyer and product
 * order, before any product is locked) and returns what is still on offer, oldest line first.
 */
export async function lockCarts(
  tx: Tx,
  buyerIds: number[],
): Promise<Map<number, { productId: string; quantity: number }[]>> {
  const rows = await tx.rows<{
    buyer_id: number;
    product_id: string;
    quantity: number;
    added_us: number;
  }>(sql`
    SELECT l.buyer_id, l.product_id, l.quantity,
      (extract(epoch FROM l.added_at) * 1000000)::bigint AS added_us
    FROM cart_lines l
    WHERE l.buyer_id = ANY(${buyerIds}::int[])
      AND EXISTS (SELECT FROM products p WHERE p.id = l.product_id AND p.archived_at IS NULL)
    ORDER BY l.buyer_id, l.product_id
    FOR UPDATE OF l`);
  // In microseconds: a Date has milliseconds only, in which lines may be added together.
  rows.sort((a, b) => a.added_us - b.added_us);
  const carts = new Map<number, { productId: string; quantity: number }[]>();
  for (const { buyer_id, product_id, quantity } of rows) {
    const lines = carts.get(buyer_id) ?? [];
    lines.push({ productId: product_id, quantity });
    carts.set(buyer_id, lines);
  }
  return carts;
}

/**
 * Removes exactly the lines that were ordered, what is added meanwhile stays: a part of the
 * statement that writes the orders.
 */
export function clearingLines(ordered: { buyerId: number; productId: string }[]): Sql {
  const buyers = ordered.map((line) => line.buyerId);
  const products = ordered.map((line) => line.productId);
  return sql`
    DELETE FROM cart_lines l USING unnest(${buyers}::int[], ${products}::uuid[])
      AS ordered (buyer_id, product_id)
    WHERE l.buyer_id = ordered.buyer_id AND l.product_id = ordered.product_id`;
}
