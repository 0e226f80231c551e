import { type Db, type Runner, sql, type Tx } from '../../kernel/db.ts';
import { invalid, notFound } from '../../kernel/errors.ts';
import { limits } from '../../kernel/limits.ts';
import { loadProducts, type Product } from '../catalog/products.ts';

export interface Cart {
  lines: { product: Product; quantity: number; subtotalMinor: number }[];
  totalItems: number;
  totalMinor: number;
}

/** What a buyer has put aside: products on offer only, in the order they were added. */
export async function readCart(db: Runner, buyerId: number): Promise<Cart> {
  const rows = await db.rows<{ product_id: string; quantity: number }>(sql`
    SELECT l.product_id, l.quantity
    FROM cart_lines l JOIN products p ON p.id = l.product_id AND p.archived_at IS NULL
    WHERE l.buyer_id = ${buyerId}
    ORDER BY l.added_at, l.product_id`);
  const products = await loadProducts(
    db,
    rows.map((row) => row.product_id),
  );
  const byId = new Map(products.map((product) => [product.id, product]));
  const lines = rows.flatMap(({ product_id, quantity }) => {
    const product = byId.get(product_id);
    if (product === undefined) return [];
    return [{ product, quantity, subtotalMinor: product.priceMinor * quantity }];
  });
  return {
    lines,
    totalItems: lines.reduce((sum, line) => sum + line.quantity, 0),
    totalMinor: lines.reduce((sum, line) => sum + line.subtotalMinor, 0),
  };
}

/**
 * Adds to the product's line. Parallel calls all count: the line is raised by one statement.
 * @throws Refusal not_found for a product not on offer; invalid when the stock is too small, the
 * line or the cart too long
 */
export async function addToCart(
  db: Db,
  buyerId: number,
  { productId, quantity }: { productId: string; quantity: number },
): Promise<void> {
  await db.transaction(async (tx) => {
    lockCart(tx, buyerId);
    await refuseUnlessOnOffer(tx, productId);
    const line = await tx.row<{ quantity: number }>(sql`
      INSERT INTO cart_lines AS l (buyer_id, product_id, quantity)
      VALUES (${buyerId}, ${productId}, ${quantity})
      ON CONFLICT (buyer_id, product_id) DO UPDATE SET
        quantity = l.quantity + excluded.quantity
      WHERE l.quantity + excluded.quantity <= ${limits.lineQuantity}
      RETURNING quantity`);
    if (line === undefined) throw tooMany();
    const { totalMinor } = await refuseBeyondBounds(tx, { buyerId, productId, ...line });
    if (totalMinor > limits.orderTotalMinor) throw invalid('The cart total is too large');
  });
}

/**
 * Sets the quantity of a product's line; 0 removes it.
 * @throws Refusal as `addToCart`
 */
export async function setCartLine(
  db: Db,
  buyerId: number,
  { productId, quantity }: { productId: string; quantity: number },
): Promise<void> {
  if (quantity === 0) return removeFromCart(db, buyerId, productId);
  await db.transaction(async (tx) => {
    lockCart(tx, buyerId);
    await refuseUnlessOnOffer(tx, productId);
    tx.send(sql`
      INSERT INTO cart_lines (buyer_id, product_id, quantity)
      VALUES (${buyerId}, ${productId}, ${quantity})
      ON CONFLICT (buyer_id, product_id) DO UPDATE SET quantity = excluded.quantity`);
    await refuseBeyondBounds(tx, { buyerId, productId, quantity });
  });
}

/** Removes the product's line if there is one. */
export async function removeFromCart(db: Db, buyerId: number, productId: string): Promise<void> {
  await db.rows(sql`
    DELETE FROM cart_lines WHERE buyer_id = ${buyerId} AND product_id = ${productId}`);
}

export async function emptyCart(db: Db, buyerId: number): Promise<void> {
  await db.transaction(async (tx) => {
    // In the order in which checkouts lock them; a DELETE alone takes them as they lie.
    tx.send(sql`
      SELECT FROM cart_lines WHERE buyer_id = ${buyerId} ORDER BY product_id FOR UPDATE`);
    tx.send(sql`DELETE FROM cart_lines WHERE buyer_id = ${buyerId}`);
  });
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

/** Removes exactly the lines that were ordered: what is added meanwhile stays. */
export function clearOrderedLines(tx: Tx, ordered: { buyerId: number; productId: string }[]): void {
  const buyers = ordered.map((line) => line.buyerId);
  const products = ordered.map((line) => line.productId);
  tx.send(sql`
    DELETE FROM cart_lines l USING unnest(${buyers}::int[], ${products}::uuid[])
      AS ordered (buyer_id, product_id)
    WHERE l.buyer_id = ordered.buyer_id AND l.product_id = ordered.product_id`);
}

/** One change of a cart at a time, so that its bounds hold; checkouts do not wait for this. */
function lockCart(tx: Tx, buyerId: number): void {
  tx.send(sql`SELECT id FROM users WHERE id = ${buyerId} FOR NO KEY UPDATE`);
}

async function refuseUnlessOnOffer(tx: Tx, id: string): Promise<void> {
  const product = await tx.row(sql`
    SELECT 1 FROM products WHERE id = ${id} AND archived_at IS NULL`);
  if (product === undefined) throw unknownProduct(id);
}

/**
 * Checked after the line is written: who is refused changes nothing, the transaction ends. The
 * stock too, as writing may have waited for a checkout of the same line, which took some of it.
 */
async function refuseBeyondBounds(
  tx: Tx,
  { buyerId, productId, quantity }: { buyerId: number; productId: string; quantity: number },
): Promise<{ totalMinor: number }> {
  const found = await tx.row<{ name: string; stock: number; lines: number; total: number }>(sql`
    SELECT p.name, p.stock, cart.lines, cart.total
    FROM products p, (
      SELECT count(*) AS lines, coalesce(sum(p.price_minor * l.quantity), 0)::bigint AS total
      FROM cart_lines l JOIN products p ON p.id = l.product_id AND p.archived_at IS NULL
      WHERE l.buyer_id = ${buyerId}
    ) cart
    WHERE p.id = ${productId} AND p.archived_at IS NULL`);
  if (found === undefined) throw unknownProduct(productId); // withdrawn meanwhile
  if (quantity > found.stock) throw invalid(`Insufficient stock for product ${found.name}`);
  if (found.lines > limits.cartLines) {
    throw invalid(`A cart holds at most ${limits.cartLines} products`);
  }
  return { totalMinor: found.total };
}

const unknownProduct = (id: string) => notFound(`Product ${id} not found`);
const tooMany = () => invalid(`Quantity must be a whole number from 1 to ${limits.lineQuantity}`);
