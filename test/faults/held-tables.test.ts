import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Answer, type CallOptions, openShop, type TestShop, type User } from '../harness.ts';
import { HeldLock } from '../held-lock.ts';
import { query } from '../program-data.ts';
import { ordered, times } from '../shopping.ts';

// Whatever table somebody holds for long: every request is answered in three seconds, with what it
// asked for or with 503 and when to come again.

const answerBarMs = 3_000 + 1_500; // the promise, and other tests run beside

let shop: TestShop;
let tables: string[];
let sellers: User[];
let buyers: User[];
let goods: { productId: string; categoryId: string }[];
before(async () => {
  shop = await openShop();
  sellers = await Promise.all(times(4, () => shop.seller()));
  buyers = await Promise.all(times(8, () => shop.buyer()));
  goods = await Promise.all(
    sellers.map(async (seller) => {
      const category = await shop.category(seller);
      const product = await shop.product(seller, { category_id: category.id, stock: 1_000_000 });
      return { productId: product.id, categoryId: category.id };
    }),
  );
  const named = `SELECT relname FROM pg_class
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1`;
  tables = (await query(shop.databaseUrl, named)).map(({ relname }) => relname);
});
after(async () => {
  assert.deepEqual(await shop.violations(), []);
  await shop.close();
});

interface Request extends CallOptions {
  route: string;
}

/** What four sellers and eight buyers may ask for, each of it new. */
async function everyRequest(name: string): Promise<Request[]> {
  const orderIds = await Promise.all(
    buyers.map((buyer, index) => ordered(shop, buyer, { product_id: goodOf(index).productId })),
  );
  return [
    ...sellers.flatMap((seller, index) => {
      const orders = orderIds.filter((_, place) => place % sellers.length === index);
      return ofSeller(seller, { name: `${name} ${index}`, orders, ...goodOf(index) });
    }),
    ...buyers.flatMap((buyer, index) =>
      ofBuyer(buyer, { name: `${name}-${index}`, ...goodOf(index) }),
    ),
  ];
}

const goodOf = (index: number): (typeof goods)[number] =>
  goods[index % goods.length] as (typeof goods)[number];

function ofSeller(
  { email, password, access: token, refresh }: User,
  scene: { name: string; orders: string[]; productId: string; categoryId: string },
): Request[] {
  const { name, orders, productId, categoryId: category_id } = scene;
  const product = { name, description: name, price: 3, stock: 4, category_id };
  return [
    { route: 'POST /category/', token, body: { name, description: name } },
    { route: 'PATCH /category/', token, body: { category_id, description: name } },
    { route: 'POST /product/', token, body: product },
    { route: 'PATCH /product/', token, body: { id: productId, description: name } },
    { route: 'GET /list-category/', token },
    { route: `GET /list-product/?search=${encodeURIComponent(name)}`, token },
    { route: 'POST /auth/ws-ticket/', token },
    { route: 'POST /auth/get-access-token/', body: { refresh } },
    { route: 'POST /auth/login/', body: { email, password } },
    ...orders.map((order_id) => ({
      route: 'PATCH /update-order-status/',
      token,
      body: { order_id, status: 'shipped' },
    })),
  ];
}

function ofBuyer(
  { password, access: token }: User,
  { name, productId: product_id }: { name: string; productId: string },
): Request[] {
  const body = { products: [{ product_id }] };
  const newcomer = { email: `${name}@shop.test`, password, user_type: 'viewer' };
  return [
    { route: 'GET /cart/', token },
    { route: 'DELETE /cart/', token },
    { route: 'POST /cart/', token, body: { product_id } },
    { route: 'POST /place-order/', token, body },
    { route: 'POST /place-order/', token, body, headers: { 'Idempotency-Key': name } },
    { route: 'GET /list-user-order/', token },
    { route: 'POST /auth/register-user/', body: newcomer },
  ];
}

/** No order without them. */
const wanted = ['orders', 'products', 'streams', 'users'];

const isAsPromised = ({ status, headers }: Answer): boolean =>
  status === 200 || status === 201 || (status === 503 && headers.get('retry-after') === '1');

test('no table that somebody holds keeps anybody for long', { timeout: 170_000 }, async (t) => {
  assert.ok(tables.length > 10);
  for (const table of tables) {
    const requests = await everyRequest(table.replaceAll('_', '-'));
    const lock = await HeldLock.take(shop.databaseUrl, `LOCK TABLE ${table}`);
    let refused = 0;
    let longestMs = 0;
    const surprises: string[] = [];
    await Promise.all(
      requests.map(async ({ route, ...options }) => {
        const began = performance.now();
        const answer = await shop.call(route, options);
        const tookMs = performance.now() - began;
        longestMs = Math.max(longestMs, tookMs);
        if (answer.status === 503) refused += 1;
        if (isAsPromised(answer) && tookMs < answerBarMs) return;
        surprises.push(`${route}: ${answer.status} in ${tookMs.toFixed(0)} ms ${answer.text}`);
      }),
    );
    await lock.release();
    if (wanted.includes(table)) assert.ok(refused > 0, table);
    if (table === 'account_changes') assert.equal(refused, 0);
    t.diagnostic(`${table}: ${refused} of ${requests.length}, ${longestMs.toFixed(0)} ms`);
    assert.deepEqual(surprises, [], table);
  }
});
