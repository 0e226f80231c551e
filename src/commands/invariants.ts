import { type Sql, sql } from '../kernel/db.ts';

/** What must be true of every shop at every moment; a query returns the rows that violate it. */
export interface Invariant {
  name: string;
  says: string;
  query: Sql;
}

export const invariants: Invariant[] = [
  {
    name: 'I1',
    says: 'no stock is below zero',
    query: sql`SELECT id, stock FROM products WHERE stock < 0`,
  },
  {
    name: 'I2',
    says: 'the stock of each product = its movements − what was sold',
    query: sql`
      SELECT p.id, p.stock, coalesce(m.moved, 0) AS moved, coalesce(s.sold, 0) AS sold
      FROM products p
      LEFT JOIN (SELECT product_id, sum(quantity) AS moved FROM stock_movements GROUP BY 1) m
        ON m.product_id = p.id
      LEFT JOIN (SELECT product_id, sum(quantity) AS sold FROM order_lines GROUP BY 1) s
        ON s.product_id = p.id
      WHERE p.stock <> coalesce(m.moved, 0) - coalesce(s.sold, 0)`,
  },
  {
    name: 'I4',
    says: 'each idempotency key has its outcome, and its orders are there',
    query: sql`
      SELECT user_id, key, outcome FROM idempotency_keys WHERE outcome IS NULL
      UNION
      SELECT k.user_id, k.key, k.outcome
      FROM idempotency_keys k
      CROSS JOIN jsonb_array_elements_text(k.outcome::jsonb -> 'orderIds') AS e (id)
      LEFT JOIN orders o ON o.id = e.id::uuid AND o.buyer_id = k.user_id
      WHERE o.id IS NULL`,
  },
  {
    name: 'I5',
    says: 'each order took its status steps in order, with one event for each step',
    query: sql`
      SELECT o.id, o.status, o.shipped_at, o.delivered_at, e.steps
      FROM orders o
      FULL JOIN (
        SELECT order_id, user_id, array_agg(status ORDER BY stream_offset) AS steps
        FROM notifications WHERE type = 'order.status_updated' GROUP BY 1, 2
      ) e ON e.order_id = o.id AND e.user_id = o.buyer_id
      WHERE o.id IS NULL OR coalesce(e.steps, '{}') <> CASE o.status
          WHEN 'pending' THEN '{}'::text[]
          WHEN 'shipped' THEN '{shipped}'
          ELSE '{shipped,delivered}' END
        OR o.shipped_at > o.delivered_at OR o.created_at > o.shipped_at`,
  },
  {
    name: 'I6',
    says: 'the total of each order = the sum of its lines, all of its seller',
    query: sql`
      SELECT o.id, o.total_minor, l.total, l.sellers
      FROM orders o
      LEFT JOIN (
        SELECT l.order_id, sum(l.unit_price_minor * l.quantity) AS total,
          array_agg(DISTINCT p.seller_id) AS sellers
        FROM order_lines l JOIN products p ON p.id = l.product_id GROUP BY 1
      ) l ON l.order_id = o.id
      WHERE l.total IS DISTINCT FROM o.total_minor OR l.sellers <> ARRAY[o.seller_id]`,
  },
  {
    name: 'I7',
    says: 'the offsets of each user are 1…n without gaps',
    query: sql`
      SELECT u.id AS user_id, s.last_offset, n.events, n.first, n.last
      FROM users u
      LEFT JOIN streams s ON s.user_id = u.id
      LEFT JOIN (
        SELECT user_id, count(*) AS events, min(stream_offset) AS first, max(stream_offset) AS last
        FROM notifications GROUP BY 1
      ) n ON n.user_id = u.id
      WHERE s.last_offset IS NULL OR s.last_offset <> coalesce(n.events, 0)
        OR n.first <> 1 OR n.last <> s.last_offset`,
  },
  {
    name: 'I7',
    says: 'each order was announced once to its buyer and once to its seller',
    query: sql`
      SELECT o.id, o.buyer_id, o.seller_id, n.told
      FROM orders o
      FULL JOIN (
        SELECT order_id, array_agg(user_id ORDER BY user_id) AS told
        FROM notifications WHERE type = 'order.placed' GROUP BY 1
      ) n ON n.order_id = o.id
      WHERE n.told IS DISTINCT FROM
        ARRAY[least(o.buyer_id, o.seller_id), greatest(o.buyer_id, o.seller_id)]`,
  },
  {
    name: 'I12',
    says: 'the products counted for each list, and those in stock, are those on offer',
    query: sql`
      WITH product AS (
        SELECT category_id, in_stock FROM products WHERE archived_at IS NULL
      ), counted AS (
        SELECT c.id AS category_id, k.listed_products, k.in_stock_products,
          count(p.category_id) AS listed, count(*) FILTER (WHERE p.in_stock) AS in_stock
        FROM categories c
        LEFT JOIN category_counts k ON k.category_id = c.id
        LEFT JOIN product p ON p.category_id = c.id
        GROUP BY 1, 2, 3
        UNION ALL
        SELECT NULL::uuid, s.listed_products, s.in_stock_products, count(p.category_id),
          count(*) FILTER (WHERE p.in_stock)
        FROM catalog_state s LEFT JOIN product p ON true
        GROUP BY 1, 2, 3
      )
      SELECT * FROM counted
      WHERE (listed_products, in_stock_products) IS DISTINCT FROM (listed, in_stock)`,
  },
  {
    name: 'I12',
    says: 'the orders counted for each user are those that it placed',
    query: sql`
      SELECT s.user_id, s.orders_placed, coalesce(o.orders, 0) AS orders
      FROM streams s
      LEFT JOIN (SELECT buyer_id, count(*) AS orders FROM orders GROUP BY 1) o
        ON o.buyer_id = s.user_id
      WHERE s.orders_placed <> coalesce(o.orders, 0)`,
  },
];
