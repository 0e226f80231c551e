import type pg from 'pg';
import type { Size } from './growth-sizes.ts';

/** Orders of one buyer that are made besides the shop's own, of one product. */
export interface Extra {
  buyerId: number;
  productId: string;
  count: number;
}

type Run = (text: string, values?: unknown[]) => Promise<pg.QueryResult>;

const CHUNK_ORDERS = 250_000; // loaded in about ten seconds: how far it is, and a place to stop
const PRODUCTS_OF_SELLER = 100;
const ORDERS_OF_BUYER = 5;
const CATEGORIES = 100;
export const LARGE_CATEGORY = '01900002-0000-7000-8000-000000000001';
export const RARE_WORD = 'zephyr'; // in the description of one product in a thousand

// Made-up ids sort like UUIDv7: by what was made first, and before all that the shop makes itself.
const id = (kind: string, n: string): string =>
  `('0190${kind}-0000-7000-8000-' || lpad((${n})::text, 12, '0'))::uuid`;
const productId = (n: string): string => id('0001', n);
const categoryId = (n: string): string => id('0002', n);
const orderId = (n: string): string => id('0003', n);
const FIRST_SELLER = 1_000_000; // users whom the shop registers itself have smaller numbers
const FIRST_BUYER = 2_000_000;

/** From 0 to 1, at random, but the same for the same number. */
const fraction = (n: string, salt: number): string =>
  `((hashint8extended(${n}, ${salt}) & 1048575) / 1048576.0::float8)`;
const oneOf = (words: string[], n: string, salt: number): string =>
  `(ARRAY['${words.join("','")}'])[1 + floor(${words.length} * ${fraction(n, salt)})]`;

const adjectives = ['Brass', 'Oak', 'Woollen', 'Blue', 'Old', 'Heavy', 'Small', 'Fine', 'Red'];
const nouns = ['Bell', 'Lamp', 'Kettle', 'Chair', 'Scarf', 'Clock', 'Bowl', 'Knife', 'Rug', 'Cup'];

/**
 * Grows a shop from one size to the next by statements that make many rows at once. All invariants
 * hold afterwards: `souk verify` proves it. Foreign keys are not checked row by row.
 */
export async function fill(
  client: pg.Client,
  { from, to }: { from: Size; to: Size },
  { say, signal }: { say: (text: string) => void; signal: AbortSignal },
): Promise<void> {
  const run: Run = (text, values) => {
    signal.throwIfAborted();
    return client.query(text, values);
  };
  await prepare(run);
  await addPeople(run, from, to);
  await addProducts(run, from.products, to.products);
  await countProducts(run);
  await addCarts(run, from, to);
  say(`  ${to.products.toLocaleString('en-US')} products`);
  for (let last = from.orders; last < to.orders; ) {
    const next = Math.min(last + CHUNK_ORDERS, to.orders);
    await addOrders(run, {
      numbers: [last + 1, next],
      buyer: `${FIRST_BUYER + 1} + floor(${buyersOf(to)} * power(${fraction('n', 3)}, 1.5))::int`,
      product: productId(`1 + floor(${to.products} * power(${fraction('n', 4)}, 2))::bigint`),
    });
    last = next;
    say(`  ${last.toLocaleString('en-US')} orders`);
  }
  await settle(run);
}

/** Gives some buyers orders of their own. */
export async function fillExtra(client: pg.Client, extras: Extra[]): Promise<void> {
  const run: Run = (text, values) => client.query(text, values);
  await prepare(run);
  for (const { buyerId, productId: product, count } of extras) {
    const first = 900_000_000 + buyerId * 100_000;
    const numbers: [number, number] = [first + 1, first + count];
    await addOrders(run, { numbers, buyer: `${buyerId}`, product: `'${product}'::uuid` });
  }
  await settle(run);
}

const sellersOf = (size: Size): number => Math.ceil(size.products / PRODUCTS_OF_SELLER);
const buyersOf = (size: Size): number => Math.ceil(size.orders / ORDERS_OF_BUYER);

async function prepare(run: Run): Promise<void> {
  await run(`SET session_replication_role = replica`);
  await run(`SET synchronous_commit = off`);
  await run(`SET work_mem = '256MB'`);
  await run(`SET maintenance_work_mem = '256MB'`);
}

async function settle(run: Run): Promise<void> {
  await run('VACUUM ANALYZE');
  await run('CHECKPOINT'); // or it would go on while we measure
}

/** As the shop does with each that is added or archived. */
async function countProducts(run: Run): Promise<void> {
  await run(`
    INSERT INTO category_counts
    SELECT c.id, count(p.id), count(p.id) FILTER (WHERE p.in_stock)
    FROM categories c LEFT JOIN products p ON p.category_id = c.id AND p.archived_at IS NULL
    GROUP BY 1
    ON CONFLICT (category_id) DO UPDATE SET listed_products = excluded.listed_products,
      in_stock_products = excluded.in_stock_products`);
  await run(`
    UPDATE catalog_state SET
      lists = lists + 1, availability = availability + 1, categories = categories + 1,
      listed_products = (SELECT count(*) FROM products WHERE archived_at IS NULL),
      in_stock_products = (SELECT count(*) FROM products WHERE archived_at IS NULL AND in_stock)`);
}

async function addPeople(run: Run, from: Size, to: Size): Promise<void> {
  const add = async (
    word: [role: string, type: string],
    first: number,
    [last, next]: [number, number],
  ): Promise<void> => {
    const numbers = `generate_series(${last + 1}, ${next}) AS n`;
    await run(`
      INSERT INTO users (id, email, password_hash, role, user_type) OVERRIDING SYSTEM VALUE
      SELECT ${first} + n, '${word[0]}' || n || '@growth.example', '-', '${word[0]}', '${word[1]}'
      FROM ${numbers}`);
    await run(`INSERT INTO streams (user_id) SELECT ${first} + n FROM ${numbers}`);
    await run(`
      INSERT INTO sessions (id, user_id, expires_at)
      SELECT gen_random_uuid(), ${first} + n, now() + make_interval(secs => 50000 + n % 1000000)
      FROM ${numbers}`);
  };
  await add(['seller', 'creator'], FIRST_SELLER, [sellersOf(from), sellersOf(to)]);
  await add(['buyer', 'viewer'], FIRST_BUYER, [buyersOf(from), buyersOf(to)]);
}

/** One buyer in two has put three things aside. */
async function addCarts(run: Run, from: Size, to: Size): Promise<void> {
  await run(`
    INSERT INTO cart_lines (buyer_id, product_id, quantity)
    SELECT ${FIRST_BUYER} + n, ${productId(`1 + (n * 7 + step * 11) % ${to.products}`)}, 1
    FROM generate_series(${buyersOf(from) + 1}, ${buyersOf(to)}) AS n,
      generate_series(1, 3) AS step
    WHERE n % 2 = 0`);
}

/** A few products are dear, some categories large, one in ten is sold out. */
async function addProducts(run: Run, last: number, next: number): Promise<void> {
  if (last === 0) {
    await run(`
      INSERT INTO categories (id, seller_id, name, description)
      SELECT ${categoryId('n')}, ${FIRST_SELLER + 1}, 'Category ' || n, 'Things of the kind ' || n
      FROM generate_series(1, ${CATEGORIES}) AS n`);
  }
  // Sorted in one go, it takes half the time.
  const words = await run(`SELECT indexdef FROM pg_indexes WHERE indexname = 'products_by_words'`);
  await run('DROP INDEX IF EXISTS products_by_words');
  const name = `${oneOf(adjectives, 'n', 5)} || ' ' || ${oneOf(nouns, 'n', 6)} || ' ' || n`;
  await run(`
    INSERT INTO products (id, seller_id, category_id, name, description, price_minor, stock,
      created_at)
    SELECT ${productId('n')}, ${FIRST_SELLER} + 1 + (n - 1) / ${PRODUCTS_OF_SELLER},
      ${categoryId(`1 + floor(${CATEGORIES} * power(${fraction('n', 7)}, 2))`)}, ${name},
      'Made by hand, one after the other; number ' || n || ' of a long row'
        || CASE WHEN n % 1000 = 500 THEN ' with a ${RARE_WORD}' ELSE '' END,
      99 + floor(500000 * power(${fraction('n', 8)}, 3)),
      CASE WHEN n % 10 = 0 THEN 0 ELSE 100 + n % 900 END,
      timestamptz '2024-01-01' + make_interval(secs => n)
    FROM generate_series(${last + 1}::bigint, ${next}) AS n`);
  await run(`
    INSERT INTO stock_movements (id, product_id, kind, quantity)
    SELECT gen_random_uuid(), ${productId('n')}, 'initial', CASE WHEN n % 10 = 0 THEN 0
      ELSE 100 + n % 900 END
    FROM generate_series(${last + 1}::bigint, ${next}) AS n`);
  for (const { indexdef } of words.rows) await run(indexdef);
}

/** What was sold is put back in stock, so that no product's stock changes. */
async function addOrders(
  run: Run,
  made: { numbers: [number, number]; buyer: string; product: string },
): Promise<void> {
  await run(`
    CREATE TEMP TABLE draft AS
    SELECT n, ${orderId('n')} AS id, buyer_id, p.seller_id, p.id AS product_id, p.name,
      p.price_minor, CASE n % 4 WHEN 0 THEN 2 WHEN 1 THEN 1 ELSE 0 END AS steps,
      timestamptz '2025-01-01' + make_interval(secs => n % 10000000) AS at
    FROM (
      SELECT n, ${made.buyer} AS buyer_id, ${made.product} AS product_id
      FROM generate_series(${made.numbers.join('::bigint, ')}) AS n
    ) d JOIN products p ON p.id = d.product_id`);
  await run('ANALYZE draft');
  for (const statement of statementsOfDraft) await run(statement);
}

const event = (options: { user: string; status: string; message: string; step: number }): string =>
  `SELECT ${options.user} AS user_id, n, ${options.step} AS step, id AS order_id,
     ${options.user === 'buyer_id'} AS is_own,
     '${options.step === 0 ? 'order.placed' : 'order.status_updated'}' AS type,
     '${options.status}' AS status, ${options.message} AS message,
     at + interval '1 hour' * ${options.step} AS at
   FROM draft WHERE steps >= ${options.step}`;

const yours = (rest: string): string => `'Your order ' || id || ' ${rest}'`;
const events = [
  { user: 'buyer_id', status: 'pending', message: yours('has been placed'), step: 0 },
  { user: 'seller_id', status: 'pending', message: `'You have a new order ' || id`, step: 0 },
  { user: 'buyer_id', status: 'shipped', message: yours('is now shipped'), step: 1 },
  { user: 'buyer_id', status: 'delivered', message: yours('is now delivered'), step: 2 },
];

const statementsOfDraft = [
  `INSERT INTO orders (id, checkout_id, buyer_id, seller_id, status, total_minor, created_at,
     shipped_at, delivered_at)
   SELECT id, id, buyer_id, seller_id, (ARRAY['pending', 'shipped', 'delivered'])[steps + 1],
     price_minor, at, CASE WHEN steps > 0 THEN at + interval '1 hour' END,
     CASE WHEN steps > 1 THEN at + interval '2 hours' END
   FROM draft ORDER BY n`,
  `INSERT INTO order_lines
     (order_id, line_number, product_id, product_name, unit_price_minor, quantity)
   SELECT id, 1, product_id, name, price_minor, 1 FROM draft ORDER BY n`,
  `INSERT INTO stock_movements (id, product_id, kind, quantity)
   SELECT gen_random_uuid(), product_id, 'restock', count(*) FROM draft GROUP BY product_id`,
  `INSERT INTO idempotency_keys (user_id, key, request_hash, outcome)
   SELECT buyer_id, id::text, '', '{"orderIds":["' || id || '"]}' FROM draft WHERE n % 4 = 0`,
  `CREATE TEMP TABLE event AS SELECT *, row_number() OVER (PARTITION BY user_id ORDER BY n, step)
     AS place FROM (${events.map(event).join(' UNION ALL ')}) e`,
  `INSERT INTO notifications
     (user_id, stream_offset, id, type, order_id, status, message, created_at)
   SELECT user_id, last_offset + place, gen_random_uuid(), type, order_id, status, message, at
   FROM event JOIN streams USING (user_id) ORDER BY user_id, place`,
  `UPDATE streams s SET last_offset = s.last_offset + e.events,
     orders_placed = s.orders_placed + e.orders
   FROM (
     SELECT user_id, count(*) AS events, count(*) FILTER (WHERE is_own AND step = 0) AS orders
     FROM event GROUP BY user_id
   ) e
   WHERE s.user_id = e.user_id`,
  'DROP TABLE draft, event',
];
