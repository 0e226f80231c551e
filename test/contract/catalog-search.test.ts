import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Json, openShop, type TestShop, type User } from '../harness.ts';

let shop: TestShop;
let buyer: User;
let seller: User;
let category: Json;

const names = [
  'Steel bell',
  'BELL of brass',
  '100% wool',
  '1000 wools',
  'snake_case',
  'snakeXcase',
  String.raw`back\slash`,
  'backslash',
  "O'Neil horn",
  'say "hello"',
  'a; DROP TABLE products; --',
  'Ä Öl für Größe',
  '鈴と鐘',
  'C++ & <b>bold</b>',
  '(brackets) [square] {curly} ^$.*?|',
  '*', // not a wildcard
  '😀 smile',
];

before(async () => {
  shop = await openShop();
  [seller, buyer] = [await shop.seller(), await shop.buyer()];
  category = await shop.category(seller);
  for (const name of names) {
    await shop.product(seller, { name, description: 'nothing', category_id: category.id });
  }
});
after(() => shop.close());

const list = async (parameters: Record<string, string>): Promise<Json> => {
  const query = new URLSearchParams({ page_size: '100', ...parameters }).toString();
  const answer = await shop.call(`GET /list-product/?${query}`, { token: buyer.access });
  assert.equal(answer.status, 200, query);
  return answer.body;
};
const found = async (search: string): Promise<string[]> =>
  (await list({ search })).results.map(({ name }: Json) => name);

test('a search finds whatever holds it, in whatever case', async () => {
  for (const search of ['bell', 'BELL', 'Bell', ' bell ']) {
    assert.deepEqual(await found(search), ['Steel bell', 'BELL of brass'], search);
  }
  assert.deepEqual(await found('steel bell'), ['Steel bell']);
  assert.deepEqual(await found('bell steel'), []);
  assert.deepEqual(await found('xylophone'), []);
});

test('every character of a search stands for itself', async () => {
  for (const [search, names] of Object.entries({
    '100%': ['100% wool'],
    '%': ['100% wool'],
    '0% w': ['100% wool'],
    snake_: ['snake_case'],
    _: ['snake_case'],
    e_c: ['snake_case'],
    '\\': [String.raw`back\slash`],
    'k\\s': [String.raw`back\slash`],
    '\\\\': [],
    '\\%': [],
    "'": ["O'Neil horn"],
    "o'n": ["O'Neil horn"],
    "''": [],
    '"': ['say "hello"'],
    '; DROP': ['a; DROP TABLE products; --'],
    '--': ['a; DROP TABLE products; --'],
    '++ &': ['C++ & <b>bold</b>'],
    '<B>': ['C++ & <b>bold</b>'],
    '[square]': ['(brackets) [square] {curly} ^$.*?|'],
    '.*': ['(brackets) [square] {curly} ^$.*?|'],
    '*': ['(brackets) [square] {curly} ^$.*?|', '*'],
    '😀': ['😀 smile'],
    鐘: ['鈴と鐘'],
    'Öl für': ['Ä Öl für Größe'],
    'e%l': [],
    b_ll: [],
  })) {
    assert.deepEqual(await found(search), names, search);
  }
});

test('letters beyond ASCII are found in whatever case too', async () => {
  for (const search of ['ä öl', 'GRÖßE', 'FÜR']) {
    assert.deepEqual(await found(search), ['Ä Öl für Größe'], search);
  }
});

test('names and descriptions are searched, and nothing else', async () => {
  const made = await shop.product(seller, {
    name: 'Plain',
    description: 'One rare zephyr',
    price: 77.77,
    category_id: category.id,
  });
  assert.deepEqual((await list({ search: 'zephyr' })).results, [made]);
  assert.deepEqual((await list({ search: 'plain' })).results, [made]);
  for (const search of ['77.77', made.id, 'Things', 'All sorts', 'Plain One']) {
    assert.deepEqual(await found(search), [], search);
  }
});

test('the + of a query is a space, and the last of a repeated search counts', async () => {
  for (const query of ['search=steel+bell', 'search=steel%20bell', 'search=x&search=steel']) {
    const { body } = await shop.call(`GET /list-product/?${query}`, { token: buyer.access });
    assert.deepEqual(
      body.results.map(({ name }: Json) => name),
      ['Steel bell'],
    );
  }
});

test('a search of any length is answered', async () => {
  for (const length of [200, 201, 1_000, 4_000]) {
    assert.deepEqual(await found('x'.repeat(length)), []);
    assert.deepEqual(await found('_'.repeat(length)), []);
  }
});

test('no page holds more than a hundred', async () => {
  const many = await shop.category(seller);
  const ids: string[] = [];
  for (let count = 0; count < 101; count += 1) {
    ids.push((await shop.product(seller, { category_id: many.id })).id);
  }
  for (const page_size of ['100', '101', '1000', '999999999', '1000000000000']) {
    const page = await list({ category: many.id, page_size });
    const isSize = page_size.length <= 9; // what is longer is no size at all
    const size = isSize ? 100 : 10;
    assert.equal(page.total_products, 101);
    assert.equal(page.total_pages, Math.ceil(101 / size), page_size);
    assert.deepEqual(
      page.results.map(({ id }: Json) => id),
      ids.slice(0, size),
    );
  }
  const last = await list({ category: many.id, page: 'last' });
  assert.deepEqual([last.current_page, last.results[0].id], [2, ids[100]]);
});
