import { type Db, sql, sqlEmpty, sqlRaw } from '../../kernel/db.ts';
import { notFound } from '../../kernel/errors.ts';
import { limits } from '../../kernel/limits.ts';
import { loadProducts, type Product } from '../catalog/products.ts';
import type { OrderStatus } from './order-status.ts';

export interface Order {
  id: string;
  status: OrderStatus;
  totalMinor: number;
  createdAt: Date;
  /** products as they are now, under the name and price of the moment of ordering */
  lines: { product: Product; quantity: number; unitPriceMinor: number }[];
}

interface LineRow {
  order_id: string;
  product_id: string;
  product_name: string;
  unit_price_minor: number;
  quantity: number;
}

/**
 * A page of a buyer's orders, newest first.
 * @throws Refusal not_found `Invalid page.` past the end
 */
export async function listOrders(
  db: Db,
  buyerId: number,
  { page, pageSize }: { page: number | 'last'; pageSize: number },
): Promise<{ total: number; page: number; totalPages: number; orders: Order[] }> {
  const total = await countOrders(db, buyerId);
  const totalPages = Math.max(1, Math.ceil(total / pageSize));
  const number = page === 'last' ? totalPages : page;
  if (number > totalPages) throw notFound('Invalid page.');

  const skipped = (number - 1) * pageSize;
  const orders = await readPart(db, buyerId, {
    skipped,
    wanted: Math.min(pageSize, total - skipped),
    left: Math.max(0, total - skipped - pageSize),
  });
  const lines = await loadLines(
    db,
    orders.map((order) => order.id),
  );
  return {
    total,
    page: number,
    totalPages,
    orders: orders.map((order) => ({ ...order, lines: lines.get(order.id) ?? [] })),
  };
}

/** As the buyer's stream keeps it; counted only when a node of an older version did not. */
async function countOrders(db: Db, buyerId: number): Promise<number> {
  const counted = await db.row<{ total: number }>(sql`
    SELECT CASE WHEN orders_counted_to = last_offset THEN orders_placed
      ELSE (SELECT count(*) FROM orders WHERE buyer_id = user_id) END AS total
    FROM streams WHERE user_id = ${buyerId}`);
  return counted?.total ?? 0;
}

const newestFirst = 'created_at DESC, id DESC';
const oldestFirst = 'created_at, id';
// A bound LIMIT makes PostgreSQL plan every execution anew, so sizes are literals, and few.
const literalSizes = [10, 20, 50, 100];

/**
 * The orders behind the first `skipped`, from the end of the list that is nearer: only the index
 * is read of those in between.
 */
async function readPart(
  db: Db,
  buyerId: number,
  { skipped, wanted, left }: { skipped: number; wanted: number; left: number },
): Promise<Omit<Order, 'lines'>[]> {
  const isNearStart = skipped <= left;
  const between = isNearStart ? skipped : left;
  const size = literalSizes.find((literal) => literal >= wanted) ?? limits.maxPageSize;
  const found = await db.rows<Omit<Order, 'lines'>>(sql`
    SELECT id, status, total_minor AS "totalMinor", created_at AS "createdAt" FROM orders
    WHERE id = ANY(ARRAY(
      SELECT id FROM orders WHERE buyer_id = ${buyerId}
      ORDER BY ${sqlRaw(isNearStart ? newestFirst : oldestFirst)} LIMIT ${sqlRaw(String(size))}
      ${between === 0 ? sqlEmpty : sql`OFFSET ${between}`}))
    ORDER BY ${sqlRaw(isNearStart ? newestFirst : oldestFirst)}`);
  const part = found.slice(0, wanted);
  return isNearStart ? part : part.toReversed();
}

async function loadLines(db: Db, orderIds: string[]): Promise<Map<string, Order['lines']>> {
  const rows = await db.rows<LineRow>(sql`
    SELECT order_id, product_id, product_name, unit_price_minor, quantity
    FROM order_lines WHERE order_id = ANY(${orderIds}::uuid[])
    ORDER BY order_id, line_number`);
  const products = await loadProducts(db, [...new Set(rows.map((row) => row.product_id))]);
  const byId = new Map(products.map((product) => [product.id, product]));
  const lines = new Map<string, Order['lines']>();
  for (const row of rows) {
    const now = byId.get(row.product_id);
    if (now === undefined) throw new Error('An order line without its product'); // a foreign key
    const { quantity, unit_price_minor: unitPriceMinor } = row;
    const product = { ...now, name: row.product_name, priceMinor: unitPriceMinor };
    const ofOrder = lines.get(row.order_id) ?? [];
    ofOrder.push({ product, quantity, unitPriceMinor });
    lines.set(row.order_id, ofOrder);
  }
  return lines;
}
