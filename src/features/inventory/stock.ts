import { type Sql, sql, type Tx } from '../../kernel/db.ts';
import { newId } from '../../kernel/ids.ts';

/** Stock that left, for one product of a checkout batch. */
export interface Taken {
  productId: string;
  quantity: number;
}

/** Gives a product that was just inserted its first stock. */
export function setInitialStock(tx: Tx, productId: string, stock: number): void {
  tx.send(sql`UPDATE products SET stock = ${stock} WHERE id = ${productId}`);
  tx.send(sql`INSERT INTO stock_movements (id, product_id, kind, quantity)
    VALUES (${newId()}, ${productId}, 'initial', ${stock})`);
}

/** Sets the stock of a product to a counted figure and records the difference. */
export async function setStock(tx: Tx, productId: string, stock: number): Promise<void> {
  const product = await tx.row<{ stock: number }>(sql`
    SELECT stock FROM products WHERE id = ${productId} FOR NO KEY UPDATE`);
  const before = product?.stock ?? 0;
  if (before === stock) return;
  tx.send(sql`UPDATE products SET stock = ${stock}, revision = revision + 1
    WHERE id = ${productId}`);
  tx.send(sql`INSERT INTO stock_movements (id, product_id, kind, quantity)
    VALUES (${newId()}, ${productId}, 'set', ${stock - before})`);
}

/**
 * Takes sold stock from products that this transaction has locked: a part of the statement that
 * writes their order lines, which are the record of it.
 */
export function takingStock(taken: Taken[]): Sql {
  const ids = taken.map((one) => one.productId);
  const quantities = taken.map((one) => one.quantity);
  return sql`
    UPDATE products p SET stock = p.stock - taken.quantity, revision = p.revision + 1
    FROM unnest(${ids}::uuid[], ${quantities}::int[]) AS taken (id, quantity)
    WHERE p.id = taken.id`;
}
