import { productColumns } from '../src/features/catalog/products.ts';

// The text of statements that src/ does not export. Each names its source: what changes there
// changes here, or the benchmark says so (see same-statements.ts).

/** loadProducts in src/features/catalog/products.ts */
export const productsById = `
  SELECT ${productColumns.text}
  FROM products p JOIN categories c ON c.id = p.category_id
  WHERE p.id = ANY($1::uuid[])`;

/** loadOffered there */
export const productsOnOffer = `${productsById} AND p.archived_at IS NULL`;

/** readPages in src/features/orders/order-page.ts */
export const pagesOfOrders = `
  WITH page AS MATERIALIZED (
    SELECT asked.place, counted.total, part.*,
      (extract(epoch FROM part.created_at) * 1000000)::bigint AS created_us
    FROM unnest(
      (SELECT $1::int[]),
      (SELECT $2::int[])
    ) WITH ORDINALITY AS asked (buyer_id, skipped, place)
    JOIN LATERAL (
      SELECT orders_placed AS total FROM streams WHERE user_id = asked.buyer_id LIMIT 1
    ) counted ON true
    LEFT JOIN LATERAL (SELECT id, status, total_minor, created_at
      FROM orders WHERE buyer_id = asked.buyer_id
      ORDER BY created_at DESC, id DESC LIMIT 10 OFFSET asked.skipped) part ON true
  )
  SELECT page.place, page.total, page.id, page.status, page.total_minor, page.created_us,
    l.quantity, l.unit_price_minor, l.product_name, l.product_id,
    p.description, p.stock, c.id AS category_id, c.name AS category_name,
    c.description AS category_description, c.seller_id AS category_seller_id
  FROM page
  LEFT JOIN order_lines l ON l.order_id = page.id
  LEFT JOIN products p ON p.id = l.product_id
  LEFT JOIN categories c ON c.id = p.category_id
  ORDER BY page.place, page.created_at DESC, page.id DESC, l.line_number`;

/** updateOrderStatuses in src/features/orders/order-status.ts */
export const lockOrders = `
  SELECT id, status, buyer_id, seller_id FROM orders
  WHERE id = ANY($1::uuid[])
  ORDER BY id FOR NO KEY UPDATE`;

export const setStatuses = `
  UPDATE orders o SET
    status = step.status,
    shipped_at = CASE WHEN step.status = 'shipped' THEN clock_timestamp() ELSE o.shipped_at END,
    delivered_at = CASE WHEN step.status = 'delivered' THEN clock_timestamp() END
  FROM unnest($1::uuid[],
    $2::text[]) AS step (id, status)
  WHERE o.id = step.id`;

/** appendNotifications in src/features/notifications/streams.ts */
export const appendEvents = `
  WITH locked AS MATERIALIZED (
    SELECT user_id FROM streams WHERE user_id = ANY($1::int[])
    ORDER BY user_id FOR NO KEY UPDATE
  ), event AS (
    SELECT *, row_number() OVER (PARTITION BY user_id ORDER BY place) AS step
    FROM unnest($2::int[], $3::uuid[],
      $4::text[],
      $5::uuid[],
      $6::text[],
      $7::text[],
      $8::int[])
      WITH ORDINALITY AS e (user_id, id, type, order_id, status, message, orders, place)
  ), counter AS (
    UPDATE streams s SET
      last_offset = s.last_offset + added.steps,
      orders_placed = s.orders_placed + added.orders
    FROM (
      SELECT user_id, count(*) AS steps, sum(orders) AS orders
      FROM locked JOIN event USING (user_id) GROUP BY user_id
    ) added
    WHERE s.user_id = added.user_id
    RETURNING s.user_id, s.last_offset - added.steps AS base
  )
  INSERT INTO notifications (user_id, stream_offset, id, type, order_id, status, message)
  SELECT user_id, base + step, id, type, order_id, status, message
  FROM event JOIN counter USING (user_id)`;

/** changeCarts in src/features/cart/change-carts.ts, and what it calls in cart.ts there */
export const lockBuyers = `
  SELECT id FROM users WHERE id = ANY($1::int[]) ORDER BY id
  FOR NO KEY UPDATE`;

export const lockLines = `
  SELECT FROM cart_lines WHERE buyer_id = ANY($1::int[])
  ORDER BY buyer_id, product_id FOR UPDATE`;

export const readCarts = `
  SELECT l.buyer_id, l.quantity, ${productColumns.text}
  FROM cart_lines l
  JOIN products p ON p.id = l.product_id AND p.archived_at IS NULL
  JOIN categories c ON c.id = p.category_id
  WHERE l.buyer_id = ANY($1::int[])
  ORDER BY l.added_at, l.product_id`;

export const writeLines = `
  INSERT INTO cart_lines (buyer_id, product_id, quantity)
  SELECT * FROM unnest($1::int[],
    $2::uuid[], $3::int[])
  ON CONFLICT (buyer_id, product_id) DO UPDATE SET quantity = excluded.quantity`;
