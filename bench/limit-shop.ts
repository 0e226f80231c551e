import type { Bench, Souk } from './bench.ts';
import { BUYERS, PRODUCTS, PRODUCTS_OF_SELLER, SELLERS, STOCK } from './market.ts';
import { withDatabase } from './souk.ts';

export const LIMIT_DATABASE = 'limit_shop';

/**
 * A second database on the shop's server, with the same schema and as many sellers, buyers and
 * products, for pgbench to order from. Users are 1, 2, 3 …: the sellers, then the buyers; product
 * n has a UUID that ends in n. Its rows keep all invariants, so `souk verify` proves them too.
 */
export async function openLimitShop(bench: Bench, souk: Souk): Promise<void> {
  bench.say(`  the same for pgbench, in the database ${LIMIT_DATABASE} of the same server`);
  await withDatabase(souk.database, 'souk', (client) =>
    client.query(`CREATE DATABASE ${LIMIT_DATABASE}`),
  );
  await souk.command(['migrate'], LIMIT_DATABASE);
  await withDatabase(souk.database, LIMIT_DATABASE, async (client) => {
    for (const statement of statements) await client.query(statement);
  });
}

/** Both databases begin without dead rows and with statistics. */
export async function settle(souk: Souk): Promise<void> {
  for (const name of ['souk', LIMIT_DATABASE]) {
    await withDatabase(souk.database, name, (client) => client.query('VACUUM ANALYZE'));
  }
}

const categoryOf = (seller: string): string =>
  `('00000000-0000-7000-9000-' || lpad(${seller}::text, 12, '0'))::uuid`;

const statements = [
  `INSERT INTO users (email, password_hash, role, user_type)
   SELECT 'user' || n || '@bench.example', '-',
     CASE WHEN n <= ${SELLERS} THEN 'seller' ELSE 'buyer' END,
     CASE WHEN n <= ${SELLERS} THEN 'creator' ELSE 'viewer' END
   FROM generate_series(1, ${SELLERS + BUYERS}) AS n ORDER BY n`,
  'INSERT INTO streams (user_id) SELECT id FROM users',
  `INSERT INTO categories (id, seller_id, name, description)
   SELECT ${categoryOf('n')}, n, 'Things', 'All sorts of them'
   FROM generate_series(1, ${SELLERS}) AS n`,
  `INSERT INTO products (id, seller_id, category_id, name, description, price_minor, stock)
   SELECT ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, s, ${categoryOf('s')},
     'Product ' || n, 'A thing to be bought as often as can be', 1999, ${STOCK}
   FROM generate_series(1, ${PRODUCTS}) AS n, LATERAL (SELECT (n - 1) % ${SELLERS} + 1 AS s) AS x`,
  `INSERT INTO stock_movements (id, product_id, kind, quantity)
   SELECT gen_random_uuid(), id, 'initial', stock FROM products`,
  `UPDATE categories SET listed_products = ${PRODUCTS_OF_SELLER}`,
  `UPDATE catalog_state SET listed_products = ${PRODUCTS}`,
];
