import demo from '../src/demo/shop.json' with { type: 'json' };

const STOCK = 1_000_000_000; // no run sells out

export interface MarketSize {
  sellers: number;
  buyers: number;
  products: number;
}

export interface Statement {
  text: string;
  values?: unknown[];
}

/** The ids of the nth category, product and session, from 1; the SQL below makes the same. */
export const categoryId = (n: number): string => numbered('9000', n);
export const productId = (n: number): string => numbered('8000', n);
export const sessionId = (userId: number): string => numbered('a000', userId);

const numbered = (kind: string, n: number): string =>
  `00000000-0000-7000-${kind}-${String(n).padStart(12, '0')}`;

const numberedSql = (kind: string, n: string): string =>
  `('00000000-0000-7000-${kind}-' || lpad((${n})::text, 12, '0'))::uuid`;

/**
 * Fills an empty shop. Category n is of seller n; product n is of seller (n − 1) modulo the
 * sellers, plus 1. Prices are spread from 1.00 to 1,000.99; texts are those of the demo shop.
 */
export function fillStatements(
  { sellers, buyers, products }: MarketSize,
  passwordHash: string,
): Statement[] {
  const seller = `(n - 1) % ${sellers} + 1`;
  const text = `(n - 1) % ${demo.products.length} + 1`;
  const heading = `(n - 1) % ${demo.categories.length} + 1`;
  return [
    {
      text: `INSERT INTO users (email, password_hash, role, user_type)
        SELECT 'user' || n || '@bench.example', $1,
          CASE WHEN n <= ${sellers} THEN 'seller' ELSE 'buyer' END,
          CASE WHEN n <= ${sellers} THEN 'creator' ELSE 'viewer' END
        FROM generate_series(1, ${sellers + buyers}) AS n ORDER BY n`,
      values: [passwordHash],
    },
    { text: 'INSERT INTO streams (user_id) SELECT id FROM users' },
    {
      text: `INSERT INTO sessions (id, user_id, expires_at)
        SELECT ${numberedSql('a000', 'id')}, id, now() + interval '1 day' FROM users`,
    },
    {
      text: `INSERT INTO categories (id, seller_id, name, description)
        SELECT ${numberedSql('9000', 'n')}, n, ($1::text[])[${heading}], ($2::text[])[${heading}]
        FROM generate_series(1, ${sellers}) AS n`,
      values: [
        demo.categories.map(({ name }) => name),
        demo.categories.map(({ description }) => description),
      ],
    },
    {
      text: `INSERT INTO products
          (id, seller_id, category_id, name, description, price_minor, stock)
        SELECT ${numberedSql('8000', 'n')}, ${seller}, ${numberedSql('9000', seller)},
          ($1::text[])[${text}], ($2::text[])[${text}], 100 + n * 7919 % 100000, ${STOCK}
        FROM generate_series(1, ${products}) AS n`,
      values: [
        demo.products.map(({ name }) => name),
        demo.products.map(({ description }) => description),
      ],
    },
    {
      text: `INSERT INTO stock_movements (id, product_id, kind, quantity)
        SELECT gen_random_uuid(), id, 'initial', stock FROM products`,
    },
    {
      text: `INSERT INTO cart_lines (buyer_id, product_id, quantity)
        SELECT u.id, ${numberedSql('8000', `(u.id + n) % ${products} + 1`)}, 1
        FROM users u, generate_series(1, 3) AS n WHERE u.role = 'buyer'`,
    },
    {
      text: `INSERT INTO category_counts
        SELECT category_id, count(*), count(*) FROM products GROUP BY 1`,
    },
    // Raised too: who reads the lists as they are now must not meet those from before.
    {
      text: `UPDATE catalog_state SET lists = lists + 1, categories = categories + 1,
        listed_products = (SELECT count(*) FROM products),
        in_stock_products = (SELECT count(*) FROM products)`,
    },
  ];
}
