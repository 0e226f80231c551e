import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Json, openShop, type TestShop, type User } from '../harness.ts';
import { nobodysId } from '../shopping.ts';

let shop: TestShop;
let buyer: User;
let bells: Json;
let horns: Json;
/** as made: oldest first */
const products: Json[] = [];
const names = ['Alto', 'Brass', 'Cow', 'Door', 'Elk', 'Fog', 'Gong'];

before(async () => {
  shop = await openShop();
  buyer = await shop.buyer();
  const seller = await shop.seller();
  [bells, horns] = [await shop.category(seller), await shop.category(seller)];
  for (let number = 0; number < 23; number += 1) {
    const fields = {
      category_id: (number % 3 === 0 ? horns : bells).id,
      name: names[(number * 5) % names.length],
      description: number % 4 === 0 ? 'Loud and low' : 'Clear',
      price: ((number * 7) % 6) + 0.99,
      stock: number % 5 === 0 ? 0 : number,
    };
    products.push(await shop.product(seller, fields));
  }
});
after(() => shop.close());

const list = async (query = ''): Promise<[number, Json]> => {
  const answer = await shop.call(`GET /list-product/${query}`, { token: buyer.access });
  return [answer.status, answer.body];
};
/** What a page of these products looks like. */
const pageOf = (found: Json[], page = 1, size = 10): Json => ({
  total_pages: Math.max(1, Math.ceil(found.length / size)),
  current_page: page,
  total_products: found.length,
  results: found.slice((page - 1) * size, page * size),
});
const query = (parameters: Record<string, string>): string =>
  `?${new URLSearchParams(parameters).toString()}`;

/** The parameters and the products that they leave, in order. */
type Filter = [parameters: Record<string, string>, keeps: (product: Json) => boolean];

test('without a query it is the first ten, oldest first', async () => {
  assert.deepEqual(await list(), [200, pageOf(products)]);
  const keys = ['total_pages', 'current_page', 'total_products', 'results'];
  assert.deepEqual(Object.keys((await list())[1]), keys);
});

test('pages are numbered from one; empty is the first and last the last', async () => {
  for (const [page, number] of [
    ['', 1],
    ['1', 1],
    ['2', 2],
    ['3', 3],
    ['last', 3],
    ['02', 2],
  ] as const) {
    const answer = await list(query({ page }));
    assert.deepEqual(answer, [200, pageOf(products, number)], `page=${page}`);
  }
  assert.deepEqual(await list('?page'), [200, pageOf(products)]);
  assert.deepEqual(await list('?page=1&page=2'), [200, pageOf(products, 2)]);
});

test('what is no page, or past the last, is a 404', async () => {
  const numbers = ['0', '-1', '4', '1.5', '1.0', '1e1', '0x1', '00', '+1', '99999999999999999999'];
  for (const page of [...numbers, 'abc', 'first', 'LAST', 'null', 'NaN', '١', '1 2', '[1]', "'"]) {
    const answer = await list(query({ page }));
    assert.deepEqual(answer, [404, { detail: 'Invalid page.' }], `page=${page}`);
  }
});

test('page_size says how many, up to 100; what is no size counts as ten', async () => {
  for (const size of [1, 2, 3, 7, 10, 11, 22, 23, 24, 100]) {
    const answer = await list(`?page_size=${size}`);
    assert.deepEqual(answer, [200, pageOf(products, 1, size)], `page_size=${size}`);
    const pages = Math.ceil(products.length / size);
    const last = await list(`?page_size=${size}&page=last`);
    assert.deepEqual(last, [200, pageOf(products, pages, size)], `page_size=${size}&page=last`);
    assert.equal((await list(`?page_size=${size}&page=${pages + 1}`))[0], 404);
  }
  for (const size of ['', '0', '-1', 'abc', '1.5', 'all', '1e1']) {
    assert.deepEqual(await list(`?page_size=${size}`), [200, pageOf(products)], size);
  }
  assert.deepEqual(await list('?page_size=1000'), [200, pageOf(products, 1, 100)]);
});

const by = (key: string, sign: 1 | -1) => (a: Json, b: Json) =>
  sign * (a[key] < b[key] ? -1 : Number(a[key] > b[key]));
const orderings: Record<string, (all: Json[]) => Json[]> = {
  price: (all) => all.toSorted(by('price', 1)),
  '-price': (all) => all.toSorted(by('price', -1)),
  name: (all) => all.toSorted(by('name', 1)),
  '-name': (all) => all.toSorted(by('name', -1)),
  created_at: (all) => all,
  '-created_at': (all) => all.toReversed(),
};

test('each ordering is stable over all pages: equal ones stay oldest first', async () => {
  for (const [ordering, sort] of Object.entries(orderings)) {
    const sorted = sort(products);
    for (const size of [1, 4, 10]) {
      const pages = Math.ceil(sorted.length / size);
      for (let page = 1; page <= pages; page += 1) {
        const answer = await list(query({ ordering, page: `${page}`, page_size: `${size}` }));
        assert.deepEqual(answer, [200, pageOf(sorted, page, size)], `${ordering} ${page}/${size}`);
      }
    }
  }
});

test('an ordering that there is not is ignored', async () => {
  const unknown = ['', 'stock', '-stock', 'PRICE', 'price,name', '--price', 'id', 'constructor'];
  for (const ordering of [...unknown, '__proto__', 'toString', 'price; DROP TABLE products']) {
    assert.deepEqual(await list(query({ ordering })), [200, pageOf(products)], ordering);
  }
});

test('prices are filtered to the cent, both bounds included', async () => {
  const cases: Filter[] = [
    [{ price_min: '2.99' }, ({ price }) => price >= 2.99],
    [{ price_min: '2.991' }, ({ price }) => price >= 3.99],
    [{ price_min: '3' }, ({ price }) => price >= 3.99],
    [{ price_max: '2.99' }, ({ price }) => price <= 2.99],
    [{ price_max: '2.989' }, ({ price }) => price <= 1.99],
    [{ price_min: '1.99', price_max: '3.99' }, ({ price }) => price >= 1.99 && price <= 3.99],
    [{ price_min: '2.99', price_max: '2.99' }, ({ price }) => price === 2.99],
    [{ price_min: '4', price_max: '2' }, () => false],
    [{ price_min: '-5' }, () => true],
    [{ price_max: '-5' }, () => false],
    [{ price_min: '0', price_max: '1e3' }, () => true],
    [{ price_min: '99999999999999999999999' }, () => false],
    [{ price_max: '99999999999999999999999' }, () => true],
    [{ price_min: ' 2.99 ' }, ({ price }) => price >= 2.99],
  ];
  for (const [parameters, keeps] of cases) {
    const answer = await list(query(parameters));
    assert.deepEqual(answer, [200, pageOf(products.filter(keeps))], JSON.stringify(parameters));
  }
});

test('a filter that cannot be read is ignored', async () => {
  const values: Record<string, string[]> = {
    price_min: ['', 'abc', 'NaN', 'Infinity', '1,5', '0x5', '5 €', 'null', '--5', "1' OR '1"],
    price_max: ['', 'abc', 'NaN', '-Infinity', '1,5', '0x0', '5 €', 'null', '--5', '[0]'],
    in_stock: ['', '1', '0', 'yes', 'no', 'null', 'truee', '[true]'],
    category: ['', 'abc', '1', 'null', '0193a5b2', "' OR 1=1 --"],
    search: ['', '   '],
    colour: ['red'],
    stock: ['5'],
    id: ['x'],
    limit: ['1'],
    offset: ['5'],
  };
  for (const [name, strange] of Object.entries(values)) {
    for (const value of strange) {
      const answer = await list(query({ [name]: value }));
      assert.deepEqual(answer, [200, pageOf(products)], `${name}=${value}`);
    }
  }
  const badWithGood = await list('?price_min=abc&price_max=2.99&in_stock=1');
  assert.deepEqual(badWithGood, [200, pageOf(products.filter(({ price }) => price <= 2.99))]);
});

test('in_stock is true or false, in whatever case', async () => {
  for (const [value, keeps] of [
    ['true', ({ stock }: Json) => stock > 0],
    ['True', ({ stock }: Json) => stock > 0],
    ['false', ({ stock }: Json) => stock === 0],
    ['FALSE', ({ stock }: Json) => stock === 0],
  ] as const) {
    const answer = await list(`?in_stock=${value}`);
    assert.deepEqual(answer, [200, pageOf(products.filter(keeps))], value);
  }
});

test('an empty result has one page, which is the first and the last', async () => {
  const nothing = { total_pages: 1, current_page: 1, total_products: 0, results: [] };
  const unknown = `category=${nobodysId}`;
  for (const filter of [unknown, 'search=xylophone', 'price_min=1000']) {
    for (const page of ['', '&page=', '&page=1', '&page=last', '&page_size=1&page=last']) {
      assert.deepEqual(await list(`?${filter}${page}`), [200, nothing], filter + page);
    }
    for (const page of ['2', '0', 'x']) {
      assert.deepEqual(await list(`?${filter}&page=${page}`), [404, { detail: 'Invalid page.' }]);
    }
  }
});

test('filters, search, orderings and pages go together', async () => {
  const categories: Filter[] = [
    [{}, () => true],
    [{ category: bells.id }, ({ category }) => category.id === bells.id],
    [{ category: horns.id }, ({ category }) => category.id === horns.id],
  ];
  const prices: Filter[] = [
    [{}, () => true],
    [{ price_min: '1.99', price_max: '4.99' }, ({ price }) => price >= 1.99 && price <= 4.99],
  ];
  const stocks: Filter[] = [
    [{}, () => true],
    [{ in_stock: 'true' }, ({ stock }) => stock > 0],
    [{ in_stock: 'false' }, ({ stock }) => stock === 0],
  ];
  const searches: Filter[] = [
    [{}, () => true],
    [{ search: 'lOw' }, ({ description }) => description.includes('low')],
    [{ search: 'o' }, ({ name, description }) => /o/i.test(name) || /o/i.test(description)],
  ];
  const together = categories.flatMap((one) =>
    prices.flatMap((two) =>
      stocks.flatMap((three) => searches.map((four) => [one, two, three, four])),
    ),
  );
  for (const [index, filters] of together.entries()) {
    const orders = Object.entries(orderings);
    const [ordering, sort] = orders[index % orders.length] ?? ['created_at', (all: Json[]) => all];
    const parameters = Object.assign({ ordering, page_size: '4' }, ...filters.map(([one]) => one));
    const found = sort(products).filter((product) => filters.every(([, keeps]) => keeps(product)));
    const pages = Math.max(1, Math.ceil(found.length / 4));
    for (const page of [1, pages]) {
      const answer = await list(query({ ...parameters, page: `${page}` }));
      assert.deepEqual(answer, [200, pageOf(found, page, 4)], JSON.stringify(parameters));
    }
  }
});
