import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import pg from 'pg';
import { fill } from '../../bench/growth-fill.ts';
import { type Json, openShop, type TestNode, type TestShop, type User } from '../harness.ts';
import { query } from '../program-data.ts';
import { times } from '../shopping.ts';

// However a page is read (over those before it, after its predecessor, or from the end), it shows
// what the database has in its place; many products are alike in all that they are sorted by.

const PRODUCTS = 700;
const PAGE_SIZE = 20;

const orderings: Record<string, string> = {
  created_at: 'created_at, id',
  '-created_at': 'created_at DESC, id DESC',
  price: 'price_minor, created_at, id',
  '-price': 'price_minor DESC, created_at, id',
  name: 'name, created_at, id',
  '-name': 'name DESC, created_at, id',
};

const filters: Record<string, string> = {
  '': 'true',
  '&in_stock=true': 'in_stock',
  '&price_min=5.01': 'price_minor >= 501',
};

let shop: TestShop;
let node: TestNode;
let buyer: User;
let seller: User;
let bell: Json;
before(async () => {
  shop = await openShop();
  const client = new pg.Client({ connectionString: shop.databaseUrl });
  await client.connect();
  const [from, to] = [
    { products: 0, orders: 0 },
    { products: PRODUCTS, orders: 100 },
  ];
  await fill(client, { from, to }, { say: () => undefined, signal: new AbortController().signal });
  await client.query(`
    UPDATE products SET price_minor = 500 + price_minor % 3, name = left(name, 1),
      created_at = date_trunc('minute', created_at)`);
  await client.end();
  node = await shop.node();
  [buyer, seller] = [await shop.buyer(), await shop.seller()];
  bell = await shop.product(seller, { name: 'A bell', price: 5.01 });
});
after(async () => {
  assert.deepEqual(await shop.violations(), []);
  await shop.close();
});

async function truth(ordering: string, filter = ''): Promise<string[]> {
  const rows = await query(
    shop.databaseUrl,
    `SELECT id FROM products WHERE archived_at IS NULL AND ${filters[filter]}
    ORDER BY ${orderings[ordering]}`,
  );
  return rows.map(({ id }) => id);
}

async function read(page: number, { ordering = 'created_at', filter = '' }): Promise<Json> {
  const list = `ordering=${ordering}&page=${page}&page_size=${PAGE_SIZE}`;
  const { body } = await shop.call(`GET /list-product/?${list}${filter}`, { token: buyer.access });
  return body;
}

const idsOn = async (page: number, of: object): Promise<string[]> =>
  (await read(page, of)).results.map(({ id }: Json) => id);

const edit = async (at: TestNode, change: object): Promise<void> => {
  const { status } = await at.call('PATCH /product/', {
    token: seller.access,
    body: { id: bell.id, ...change },
  });
  assert.equal(status, 200);
};

for (const ordering of Object.keys(orderings)) {
  test(`by ${ordering} all pages together have each product once, in its place`, async () => {
    for (const filter of Object.keys(filters)) {
      const pages = (await read(1, { ordering, filter })).total_pages;
      assert.ok(pages > 20, `${pages} pages`);
      const numbers = times(pages, (index) => index + 1);
      const shown: string[][] = [];
      for (const page of numbers) shown.push(await idsOn(page, { ordering, filter }));
      assert.deepEqual(shown.flat(), await truth(ordering, filter), `forwards ${filter}`);
      await edit(shop, { description: `It rings ${ordering}${filter}` }); // no page is kept
      const turned: string[][] = [];
      for (const page of numbers.toReversed()) {
        turned.unshift(await idsOn(page, { ordering, filter }));
      }
      assert.deepEqual(turned, shown, `backwards ${filter}`);
    }
  });
}

test('a page after its predecessor is right when something came before it meanwhile', async () => {
  for (const [ordering, front, rear] of [
    ['price', { price: 1 }, { price: 9 }],
    ['-price', { price: 9 }, { price: 1 }],
    ['name', { name: '!' }, { name: 'z' }],
  ] as const) {
    await edit(shop, rear);
    for (const page of [15, 25]) {
      await read(page, { ordering });
      await edit(node, front); // of which this node does not know yet
      const expected = (await truth(ordering)).slice(page * PAGE_SIZE, (page + 1) * PAGE_SIZE);
      assert.deepEqual(await idsOn(page + 1, { ordering }), expected, `${ordering} ${page}`);
      await edit(shop, rear);
    }
  }
});

test('edits between the pages lose no product and show none twice', async () => {
  const shown: string[] = [];
  for (let page = 1; page <= Math.ceil((PRODUCTS + 1) / PAGE_SIZE); page += 1) {
    shown.push(...(await idsOn(page, { ordering: '-price' })));
    await edit(page % 2 === 0 ? shop : node, { description: `It rings ${page} times` });
  }
  assert.deepEqual(shown, await truth('-price'));
});

test('there is no page past the end, however far', async () => {
  for (const page of [37, 1_000, 1_000_000]) {
    assert.deepEqual(await read(page, {}), { detail: 'Invalid page.' });
  }
});
