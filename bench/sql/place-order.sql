-- One order of one unit in a transaction of its own, for pgbench -M prepared. The statements are
-- those of src/features/orders/place-orders.ts and what it calls, for a batch of one, with the
-- same schema. As in the app, what follows the lock goes in one round trip with the commit.
-- Each client keeps to buyers of its own, so that no two wait for a buyer's stream.
\set product random(1, :products)
\set buyer :sellers + 1 + :client_id + :clients * random(0, :buyers / :clients - 1)
BEGIN;
SELECT id AS product_id, seller_id AS seller, name AS product_name, price_minor AS price,
    uuidv7() AS order_id
  FROM products
  WHERE id = ('00000000-0000-7000-8000-' || lpad(:product::text, 12, '0'))::uuid
    AND archived_at IS NULL AND stock >= 1
  FOR NO KEY UPDATE \gset
\startpipeline
WITH taken AS (
  UPDATE products SET stock = stock - 1, revision = revision + 1 WHERE id = :product_id::uuid
), placed AS (
  INSERT INTO orders (id, checkout_id, buyer_id, seller_id, total_minor)
  VALUES (:order_id::uuid, uuidv7(), :buyer, :seller, :price)
)
INSERT INTO order_lines
    (order_id, line_number, product_id, product_name, unit_price_minor, quantity)
  VALUES (:order_id::uuid, 1, :product_id::uuid, :product_name, :price, 1);
WITH of_seller AS (
  UPDATE streams SET last_offset = last_offset + 1
  WHERE user_id = :seller
  RETURNING user_id, last_offset
), of_buyer AS (
  UPDATE streams SET last_offset = last_offset + 1, orders_placed = orders_placed + 1
  WHERE user_id = :buyer
  RETURNING user_id, last_offset
)
INSERT INTO notifications (user_id, stream_offset, id, type, order_id, status, message)
  SELECT user_id, last_offset, uuidv7(), 'order.placed', :order_id::uuid, 'pending',
    'You have a new order ' || :order_id::text
  FROM of_seller
  UNION ALL
  SELECT user_id, last_offset, uuidv7(), 'order.placed', :order_id::uuid, 'pending',
    'Your order ' || :order_id::text || ' has been placed'
  FROM of_buyer;
COMMIT;
\endpipeline
