-- Lists of what is in stock, and of what is sold out, are not counted either. A checkout that sells
-- something out counts that after it locked the product, and who deletes a category locks its row
-- before the products: so the counts are rows of their own, later in the lock order.
LOCK TABLE products IN SHARE MODE;
ALTER TABLE categories DROP COLUMN listed_products;
ALTER TABLE catalog_state ADD COLUMN in_stock_products bigint NOT NULL DEFAULT 0;

CREATE TABLE category_counts (
  category_id uuid PRIMARY KEY REFERENCES categories,
  listed_products bigint NOT NULL DEFAULT 0,
  in_stock_products bigint NOT NULL DEFAULT 0,
  CHECK (in_stock_products BETWEEN 0 AND listed_products)
) WITH (fillfactor = 50);
INSERT INTO category_counts
SELECT c.id, count(p.id), count(p.id) FILTER (WHERE p.in_stock)
FROM categories c LEFT JOIN products p ON p.category_id = c.id AND p.archived_at IS NULL
GROUP BY c.id;

UPDATE catalog_state SET
  in_stock_products = (SELECT count(*) FROM products WHERE archived_at IS NULL AND in_stock);
ALTER TABLE catalog_state ADD CHECK (in_stock_products BETWEEN 0 AND listed_products);
