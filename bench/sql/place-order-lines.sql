-- One order of 16 lines, all of one seller, in a transaction of its own: the statements of
-- place-order.sql for many lines. The products of a seller follow each other at a distance of
-- :sellers, and 16 neighbours are taken wherever they begin.
\set seller random(1, :sellers)
\set first random(0, :products / :sellers - 16)
\set buyer :sellers + 1 + :client_id + :clients * random(0, :buyers / :clients - 1)
BEGIN;
WITH wanted AS MATERIALIZED (
  SELECT ('00000000-0000-7000-8000-' || lpad((:seller + :sellers * n)::text, 12, '0'))::uuid AS id
  FROM generate_series(:first::int, :first::int + 15) AS n
), locked AS (
  SELECT id, name, price_minor, stock FROM products
  WHERE id = ANY(ARRAY(SELECT id FROM wanted)) AND archived_at IS NULL AND stock >= 1
  ORDER BY id FOR NO KEY UPDATE
)
SELECT array_agg(id) AS product_ids, array_agg(name) AS product_names,
    array_agg(price_minor) AS prices, sum(price_minor) AS total, uuidv7() AS order_id
  FROM locked \gset
\startpipeline
WITH taken AS (
  UPDATE products p SET stock = p.stock - taken.quantity, revision = p.revision + 1
    FROM unnest(:product_ids::uuid[], array_fill(1, ARRAY[16])) AS taken (id, quantity)
    WHERE p.id = taken.id
), placed AS (
  INSERT INTO orders (id, checkout_id, buyer_id, seller_id, total_minor)
  VALUES (:order_id::uuid, uuidv7(), :buyer, :seller, :total)
)
INSERT INTO order_lines
    (order_id, line_number, product_id, product_name, unit_price_minor, quantity)
  SELECT :order_id::uuid, l.number, l.id, l.name, l.price, 1
  FROM unnest(:product_ids::uuid[], :product_names::text[], :prices::bigint[])
    WITH ORDINALITY AS l (id, name, price, number);
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
