import { type Db, sql, sqlRaw } from '../../kernel/db.ts';
import { limits } from '../../kernel/limits.ts';
import type { Product } from '../catalog/products.ts';
import type { OrderStatus } from './order-status.ts';

export interface Order {
  id: string;
  status: OrderStatus;
  totalMinor: number;
  createdAt: Date;
  /** products as they are now, under the name and price of the moment of ordering */
  lines: { product: Product; quantity: number; unitPriceMinor: number }[];
}

/** A line of an order, with the order, and the product as it is now. */
interface LineRow {
  total: number;
  /** null where there are no orders */
  id: string | null;
  status: OrderStatus;
  total_minor: number;
  created_us: number;
  quantity: number;
  unit_price_minor: number;
  product_name: string;
  product_id: string;
  description: string;
  stock: number;
  revision: number;
  category_id: string;
  category_name: string;
  category_description: string;
  category_seller_id: number;
}

/** Where in the list of a buyer's orders to read, from whichever end of it. */
export interface Part {
  from: 'newest' | 'oldest';
  skipped: number;
  /** read so many or more: sizes are few */
  size: number;
}

const directions = { newest: 'DESC', oldest: '' } as const;
// A bound LIMIT makes PostgreSQL plan every execution anew, so sizes are literals, and few.
const literalSizes = [10, 20, 50, 100];

/**
 * Reads orders with their lines and how many orders there are, in one statement. The number is
 * kept with the buyer's stream, and counted only when a node of an older version did not keep it.
 * Of the orders that are skipped only the index is read.
 */
export async function readOrders(
  db: Db,
  buyerId: number,
  { from, skipped, size }: Part,
): Promise<{ total: number; orders: Order[] }> {
  const literal = literalSizes.find((one) => one >= size) ?? limits.maxPageSize;
  const [limit, direction] = [sqlRaw(String(literal)), sqlRaw(directions[from])];
  const rows = await db.rows<LineRow>(sql`
    WITH counted AS (
      SELECT CASE WHEN orders_counted_to = last_offset THEN orders_placed
        ELSE (SELECT count(*) FROM orders WHERE buyer_id = user_id) END AS total
      FROM streams WHERE user_id = ${buyerId}
    ), part AS (
      SELECT * FROM orders WHERE id = ANY(ARRAY(
        SELECT id FROM orders WHERE buyer_id = ${buyerId}
        ORDER BY created_at ${direction}, id ${direction} LIMIT ${limit} OFFSET ${skipped}))
    )
    SELECT counted.total, o.id, o.status, o.total_minor,
      (extract(epoch FROM o.created_at) * 1000000)::bigint AS created_us,
      l.quantity, l.unit_price_minor, l.product_name, l.product_id,
      p.description, p.stock, p.revision, c.id AS category_id, c.name AS category_name,
      c.description AS category_description, c.seller_id AS category_seller_id
    FROM counted
    LEFT JOIN part o ON true
    LEFT JOIN order_lines l ON l.order_id = o.id
    LEFT JOIN products p ON p.id = l.product_id
    LEFT JOIN categories c ON c.id = p.category_id
    ORDER BY o.created_at ${direction}, o.id ${direction}, l.line_number`);
  return { total: rows[0]?.total ?? 0, orders: gather(rows) };
}

/** Rows of the same order follow one another. */
function gather(rows: LineRow[]): Order[] {
  const orders: Order[] = [];
  for (const row of rows) {
    if (row.id === null) continue;
    let order = orders.at(-1);
    if (order?.id !== row.id) {
      const createdAt = new Date(row.created_us / 1000);
      const { id, status, total_minor: totalMinor } = row;
      order = { id, status, totalMinor, createdAt, lines: [] };
      orders.push(order);
    }
    const { quantity, unit_price_minor: unitPriceMinor } = row;
    order.lines.push({ product: productOf(row), quantity, unitPriceMinor });
  }
  return orders;
}

const productOf = (row: LineRow): Product => ({
  id: row.product_id,
  name: row.product_name,
  description: row.description,
  priceMinor: row.unit_price_minor,
  stock: row.stock,
  revision: row.revision,
  category: {
    id: row.category_id,
    name: row.category_name,
    description: row.category_description,
    sellerId: row.category_seller_id,
  },
});
