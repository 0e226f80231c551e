import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Json, openShop, type TestShop, type User } from '../harness.ts';
import { moved, ordered, ordersOf } from '../shopping.ts';

let shop: TestShop;
let seller: User;
let regular: User;
/** what `regular` ordered, newest first */
const history: string[] = [];
before(async () => {
  shop = await openShop();
  [seller, regular] = [await shop.seller(), await shop.buyer()];
  const nail = await shop.product(seller, { stock: 100 });
  for (let count = 0; count < 25; count += 1) {
    history.unshift(await ordered(shop, regular, { product_id: nail.id }));
  }
});
after(() => shop.close());

const list = (query: string, user: User = regular) =>
  shop.call(`GET /list-user-order/${query}`, { token: user.access });
const idsOf = ({ results }: Json): string[] => results.map(({ id }: Json) => id);

test('a buyer without orders has one empty page', async () => {
  const buyer = await shop.buyer();
  for (const query of ['', '?page=1', '?page=last']) {
    const answer = await list(query, buyer);
    assert.equal(answer.status, 200);
    assert.deepEqual(answer.body, { count: 0, next: null, previous: null, results: [] });
  }
  assert.deepEqual((await list('?page=2', buyer)).body, { detail: 'Invalid page.' });
});

test('an order shows what was bought, for how much, and how far it is', async () => {
  const buyer = await shop.buyer();
  const bell = await shop.product(seller, { name: 'Bell', price: 19.99, stock: 5 });
  const lamp = await shop.product(seller, { name: 'Lamp', price: 0.1, stock: 5 });
  const began = Date.now();
  const id = await ordered(
    shop,
    buyer,
    { product_id: bell.id, quantity: 2 },
    { product_id: lamp.id, quantity: 3 },
  );
  const { body } = await list('', buyer);
  const { created_at } = body.results[0];
  const pending = {
    id,
    status: 'pending',
    total_price: 40.28,
    created_at,
    items: [
      { product: { ...bell, stock: 3 }, quantity: 2, price: 19.99 },
      { product: { ...lamp, stock: 2 }, quantity: 3, price: 0.1 },
    ],
  };
  assert.deepEqual(body, { count: 1, next: null, previous: null, results: [pending] });
  assert.match(created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  const age = Date.parse(created_at) - began;
  assert.ok(age > -5_000 && age < 5_000, created_at);

  await moved(shop, seller, { id, to: ['shipped'] });
  assert.deepEqual((await list('', buyer)).body.results, [{ ...pending, status: 'shipped' }]);
});

test('a line keeps its name and price when the product is edited, or is gone', async () => {
  const buyer = await shop.buyer();
  const bell = await shop.product(seller, { name: 'Bell', price: 19.99, stock: 5 });
  await ordered(shop, buyer, { product_id: bell.id, quantity: 2 });
  const [before] = await ordersOf(shop, buyer);
  assert.deepEqual(before.items, [{ product: { ...bell, stock: 3 }, quantity: 2, price: 19.99 }]);

  const edit = { id: bell.id, name: 'Gong', price: 100, description: 'It booms', stock: 50 };
  await shop.call('PATCH /product/', { token: seller.access, body: edit });
  const now = { ...bell, description: 'It booms', stock: 50 };
  const kept = { ...before, items: [{ product: now, quantity: 2, price: 19.99 }] };
  assert.deepEqual(await ordersOf(shop, buyer), [kept]);

  await shop.call(`DELETE /delete-product/?id=${bell.id}`, { token: seller.access });
  assert.deepEqual(await ordersOf(shop, buyer), [kept]);
  const category = `DELETE /delete-category/?id=${bell.category.id}`;
  assert.equal((await shop.call(category, { token: seller.access })).status, 200);
  assert.deepEqual(await ordersOf(shop, buyer), [kept]);
});

test('the newest comes first, ten to a page, with links to the pages around', async () => {
  const url = `${shop.url}/list-user-order/`;
  const pages: [string, string | null, string | null, string[]][] = [
    ['', `${url}?page=2`, null, history.slice(0, 10)],
    ['?page=1', `${url}?page=2`, null, history.slice(0, 10)],
    ['?page=', `${url}?page=2`, null, history.slice(0, 10)],
    ['?page=2', `${url}?page=3`, url, history.slice(10, 20)],
    ['?page=3', null, `${url}?page=2`, history.slice(20)],
    ['?page=last', null, `${url}?page=2`, history.slice(20)],
  ];
  for (const [query, next, previous, ids] of pages) {
    const { status, body } = await list(query);
    assert.equal(status, 200);
    assert.deepEqual(
      { ...body, results: idsOf(body) },
      { count: 25, next, previous, results: ids },
    );
  }
});

test('links keep the page size, the other parameters and the address that was called', async () => {
  const cases: [string, string | null, string | null][] = [
    [
      '/app/list-user-order/?page_size=7&page=2',
      '/app/list-user-order/?page_size=7&page=3',
      '/app/list-user-order/?page_size=7',
    ],
    ['/app/list-user-order?page=2', '/app/list-user-order?page=3', '/app/list-user-order'],
    ['/list-user-order?page_size=24', '/list-user-order?page_size=24&page=2', null],
    ['/list-user-order/?page_size=24&page=last&x=y', null, '/list-user-order/?page_size=24&x=y'],
  ];
  for (const [path, next, previous] of cases) {
    const { body } = await shop.call(`GET ${path}`, { token: regular.access });
    const absolute = (link: string | null) => (link === null ? null : shop.url + link);
    assert.deepEqual([body.next, body.previous], [absolute(next), absolute(previous)], path);
  }
});

test('who follows the links sees every order once, there and back', async () => {
  const walk = async (start: string, way: 'next' | 'previous'): Promise<string[]> => {
    const seen: string[] = [];
    for (let link: string | null = start; link !== null; ) {
      const path = link.replace(shop.url, '');
      const { body } = await shop.call(`GET ${path}`, { token: regular.access });
      seen.push(...(way === 'next' ? idsOf(body) : idsOf(body).toReversed()));
      link = body[way];
    }
    return seen;
  };
  assert.deepEqual(await walk('/list-user-order/?page_size=4', 'next'), history);
  const back = await walk('/app/list-user-order/?page_size=4&page=last', 'previous');
  assert.deepEqual(back, history.toReversed());
});

for (const [pageSize, count] of [
  ['1', 1],
  ['25', 25],
  ['100', 25],
  ['1000', 25],
  ['', 10],
  ['0', 10],
  ['-5', 10],
  ['1.5', 10],
  ['many', 10],
] as const) {
  test(`page_size=${pageSize} shows ${count} orders`, async () => {
    const { status, body } = await list(`?page_size=${pageSize}`);
    assert.equal(status, 200);
    assert.deepEqual(idsOf(body), history.slice(0, count));
    assert.equal(body.count, 25);
  });
}

for (const page of ['0', '-1', '1.5', 'abc', 'LAST', '4', '999999999', '99999999999999999999']) {
  test(`page=${page} is not a page`, async () => {
    const answer = await list(`?page=${page}`);
    assert.equal(answer.status, 404);
    assert.deepEqual(answer.body, { detail: 'Invalid page.' });
  });
}

test('nobody sees the orders of somebody else', async () => {
  const stranger = await shop.buyer();
  assert.deepEqual((await list(`?buyer=${regular.id}&user_id=${regular.id}`, stranger)).body, {
    count: 0,
    next: null,
    previous: null,
    results: [],
  });
  for (const user of [seller, await shop.operator()]) {
    const refused = await list('', user);
    assert.equal(refused.status, 403);
    assert.deepEqual(refused.body, {
      detail: 'You do not have permission to perform this action.',
    });
  }
  const nobody = await shop.call('GET /list-user-order/');
  assert.equal(nobody.status, 401);
  assert.deepEqual(nobody.body, { detail: 'Authentication credentials were not provided.' });
});
