import { type Db, type Sql, sql, sqlRaw } from '../../kernel/db.ts';
import { limits } from '../../kernel/limits.ts';
import type { Product } from '../catalog/products.ts';
import type { OrderStatus } from './order-status.ts';

type OrderedProduct = Omit<Product, 'revision'>;

export interface Order {
  id: string;
  status: OrderStatus;
  totalMinor: number;
  createdAt: Date;
  /** products as they are now, under the name and price of the moment of ordering */
  lines: { product: OrderedProduct; quantity: number; unitPriceMinor: number }[];
}

/** A line of an order, with the order, and the product as it is now. */
interface LineRow {
  /** of whom it was asked for, from 1 */
  place: number;
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
  category_id: string;
  category_name: string;
  category_description: string;
  category_seller_id: number;
}

/** From whichever end of a list to read how many orders or more: sizes are few. */
export interface Side {
  from: 'newest' | 'oldest';
  size: number;
}

/** Of whose list to read, and how many orders to leave out before. */
export interface Place {
  buyerId: number;
  skipped: number;
}

export interface Page {
  /** of all orders of the buyer */
  total: number;
  orders: Order[];
}

const directions = { newest: sqlRaw('DESC'), oldest: sqlRaw('') };
// A bound LIMIT makes PostgreSQL plan every execution anew, so sizes are literals, and few.
const literalSizes = [10, 20, 50, 100];

/**
 * Reads a page for each place: orders with their lines and how many orders there are, in one
 * statement. The number is kept with the buyer's stream.
 */
export async function readPages(db: Db, places: Place[], side: Side): Promise<Page[]> {
  const direction = directions[side.from];
  // Arrays in a SELECT, so that no plan is for their length: PostgreSQL would plan each time anew.
  // LIMIT 1, so that it looks for the stream of each buyer and does not read those of all.
  const rows = await db.rows<LineRow>(sql`
    WITH page AS MATERIALIZED (
      SELECT asked.place, counted.total, part.*,
        (extract(epoch FROM part.created_at) * 1000000)::bigint AS created_us
      FROM unnest(
        (SELECT ${places.map(({ buyerId }) => buyerId)}::int[]),
        (SELECT ${places.map(({ skipped }) => skipped)}::int[])
      ) WITH ORDINALITY AS asked (buyer_id, skipped, place)
      JOIN LATERAL (
        SELECT orders_placed AS total FROM streams WHERE user_id = asked.buyer_id LIMIT 1
      ) counted ON true
      LEFT JOIN LATERAL (${partOf(places, side)}) part ON true
    )
    SELECT page.place, page.total, page.id, page.status, page.total_minor, page.created_us,
      l.quantity, l.unit_price_minor, l.product_name, l.product_id,
      p.description, p.stock, c.id AS category_id, c.name AS category_name,
      c.description AS category_description, c.seller_id AS category_seller_id
    FROM page
    LEFT JOIN order_lines l ON l.order_id = page.id
    LEFT JOIN products p ON p.id = l.product_id
    LEFT JOIN categories c ON c.id = p.category_id
    ORDER BY page.place, page.created_at ${direction}, page.id ${direction}, l.line_number`);
  const pages = places.map((): Page => ({ total: 0, orders: [] }));
  for (const row of rows) addLine(pages[row.place - 1] as Page, row);
  return pages;
}

/** The orders of one page. Of many that are skipped only the index is read. */
function partOf(places: Place[], { from, size }: Side): Sql {
  const literal = literalSizes.find((one) => one >= size) ?? limits.maxPageSize;
  const [limit, direction] = [sqlRaw(String(literal)), directions[from]];
  const columns = sqlRaw('id, status, total_minor, created_at');
  const part = sql`FROM orders WHERE buyer_id = asked.buyer_id
    ORDER BY created_at ${direction}, id ${direction} LIMIT ${limit} OFFSET asked.skipped`;
  return places.every(({ skipped }) => skipped <= limits.rowsSkipped)
    ? sql`SELECT ${columns} ${part}`
    : sql`SELECT ${columns} FROM orders WHERE id = ANY(ARRAY(SELECT id ${part}))`;
}

/** Rows of the same order follow one another. */
function addLine(page: Page, row: LineRow): void {
  page.total = row.total;
  if (row.id === null) return;
  let order = page.orders.at(-1);
  if (order?.id !== row.id) {
    const createdAt = new Date(row.created_us / 1000);
    const { id, status, total_minor: totalMinor } = row;
    order = { id, status, totalMinor, createdAt, lines: [] };
    page.orders.push(order);
  }
  const { quantity, unit_price_minor: unitPriceMinor } = row;
  order.lines.push({ product: productOf(row), quantity, unitPriceMinor });
}

const productOf = (row: LineRow): OrderedProduct => ({
  id: row.product_id,
  name: row.product_name,
  description: row.description,
  priceMinor: row.unit_price_minor,
  stock: row.stock,
  category: {
    id: row.category_id,
    name: row.category_name,
    description: row.category_description,
    sellerId: row.category_seller_id,
  },
});
