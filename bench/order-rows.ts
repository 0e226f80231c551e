import type { Client } from 'pg';

export interface NewOrders {
  orders: number;
  /** of each order */
  lines: number;
  firstBuyer: number;
  buyers: number;
  sellers: number;
  products: number;
}

/**
 * Inserts pending orders of one unit a line, with all that belongs to them: what was sold leaves
 * the stock, buyer and seller are told. Order n is of buyer `firstBuyer` + n modulo `buyers`, from
 * seller n modulo the sellers, plus 1; its products follow each other among those of the seller.
 */
export async function insertOrders(client: Client, orders: NewOrders): Promise<void> {
  await client.query('BEGIN');
  for (const statement of orderStatements(orders)) await client.query(statement);
  await client.query('COMMIT');
}

function orderStatements(options: NewOrders): string[] {
  const { orders, lines, firstBuyer, buyers, sellers, products } = options;
  const places = Math.floor(products / sellers); // products of one seller
  const product = `o.seller_id + ${sellers} * ((o.n * 7 + l) % ${places})`;
  return [
    `CREATE TEMP TABLE placed ON COMMIT DROP AS
      SELECT n, uuidv7() AS id, ${firstBuyer} + n % ${buyers} AS buyer_id,
        n % ${sellers} + 1 AS seller_id
      FROM generate_series(0, ${orders - 1}) AS n`,
    `CREATE TEMP TABLE placed_lines ON COMMIT DROP AS
      SELECT o.id AS order_id, l, p.id AS product_id, p.name, p.price_minor
      FROM placed o CROSS JOIN generate_series(1, ${lines}) AS l
      JOIN products p
        ON p.id = ('00000000-0000-7000-8000-' || lpad((${product})::text, 12, '0'))::uuid`,
    `INSERT INTO orders (id, checkout_id, buyer_id, seller_id, total_minor)
      SELECT o.id, uuidv7(), o.buyer_id, o.seller_id, sum(l.price_minor)
      FROM placed o JOIN placed_lines l ON l.order_id = o.id GROUP BY 1, 3, 4 ORDER BY o.id`,
    `INSERT INTO order_lines
        (order_id, line_number, product_id, product_name, unit_price_minor, quantity)
      SELECT order_id, l, product_id, name, price_minor, 1 FROM placed_lines ORDER BY 1, 2`,
    `UPDATE products p SET stock = p.stock - sold.quantity, revision = p.revision + 1
      FROM (SELECT product_id, count(*) AS quantity FROM placed_lines GROUP BY 1) sold
      WHERE p.id = sold.product_id`,
    `WITH event AS (
      SELECT e.user_id, o.id AS order_id, e.own, e.message,
        row_number() OVER (PARTITION BY e.user_id ORDER BY o.id) AS step
      FROM placed o, LATERAL (VALUES
        (o.buyer_id, 1, 'Your order ' || o.id || ' has been placed'),
        (o.seller_id, 0, 'You have a new order ' || o.id)) AS e (user_id, own, message)
    ), counter AS (
      UPDATE streams s SET last_offset = s.last_offset + added.steps,
        orders_placed = s.orders_placed + added.orders
      FROM (SELECT user_id, count(*) AS steps, sum(own) AS orders FROM event GROUP BY 1) added
      WHERE s.user_id = added.user_id
      RETURNING s.user_id, s.last_offset - added.steps AS base
    )
    INSERT INTO notifications (user_id, stream_offset, id, type, order_id, status, message)
    SELECT user_id, base + step, uuidv7(), 'order.placed', order_id, 'pending', message
    FROM event JOIN counter USING (user_id)`,
  ];
}
