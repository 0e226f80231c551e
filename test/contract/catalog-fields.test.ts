import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { type Json, openShop, type TestShop, type User } from '../harness.ts';
import { nobodysId } from '../shopping.ts';

let shop: TestShop;
let seller: User;
let category: Json;
let product: Json;
before(async () => {
  shop = await openShop();
  seller = await shop.seller();
  category = await shop.category(seller);
  product = await shop.product(seller, { category_id: category.id });
});
after(() => shop.close());

const call = async (route: string, body: unknown): Promise<[number, Json]> => {
  const answer = await shop.call(route, { token: seller.access, body });
  return [answer.status, answer.body];
};
const everything = async (): Promise<[Json, Json]> => [
  (await call('GET /list-category/', undefined))[1],
  (await call('GET /list-product/?page_size=100', undefined))[1],
];

type Case = [field: string, value: unknown, message: string];

const required = 'This field is required.';
const noNull = 'This field may not be null.';
const blank = 'This field may not be blank.';
const noText = 'Not a valid string.';
const noNumber = 'A valid number is required.';
const noInteger = 'A valid integer is required.';
const noId = 'Must be a valid UUID.';
const noNul = 'Null characters are not allowed.';
const atMost = (most: number): string => `Ensure this value is less than or equal to ${most}.`;
const atLeast0 = 'Ensure this value is greater than or equal to 0.';
const tooLong = 'Ensure this field has no more than 255 characters.';
const decimals = 'Ensure that there are no more than 2 decimal places.';

const forEach = (field: string, values: unknown[], message: string): Case[] =>
  values.map((value) => [field, value, message]);
const structures = [true, false, [], {}, ['5'], [5], { a: 1 }];

const texts: Case[] = ['name', 'description'].flatMap((field) => [
  ...forEach(field, [null], noNull),
  ...forEach(field, ['', '   ', '\n\t'], blank),
  ...forEach(field, [...structures, '\ud800', 'a\udc00'], noText),
  ...forEach(field, ['\0', 'a\0b'], noNul),
]);
const names: Case[] = forEach('name', ['x'.repeat(256), '😀'.repeat(256)], tooLong);
const numbers: Case[] = [
  ['price', null, noNull],
  ...forEach('price', structures, noNumber),
  ...forEach('price', ['', ' ', 'abc', '5,00', '1 000', '0x10', '$5', '--5', 'é'], noNumber),
  ...forEach('price', ['NaN', 'Infinity', '-Infinity', '1e999', '5\0'], noNumber),
  ...forEach('price', [10_000_000_000, '9999999999.995', 1e300], atMost(9_999_999_999.99)),
  ...forEach('price', [-0.01, -1, '-5', -1e300], atLeast0),
  ...forEach('price', [19.999, '0.001', 1e-7, 0.1 + 0.2, '1e-3'], decimals),
  ['stock', null, noNull],
  ...forEach('stock', structures, noInteger),
  ...forEach('stock', ['', ' ', 'abc', '5.5', 5.5, 'NaN', '0x10', '1e999', '5\0'], noInteger),
  ...forEach('stock', [2_147_483_648, '2147483648', 1e300], atMost(2_147_483_647)),
  ...forEach('stock', [-1, '-1', -1e300], atLeast0),
];
const ids: Case[] = [
  ['category_id', null, noNull],
  ...forEach('category_id', ['', 'x', 7, '\0', '\ud800', nobodysId.slice(1)], noId),
  ...forEach('category_id', [...structures, [nobodysId], `${nobodysId}0`, `{${nobodysId}}`], noId),
  ['category_id', nobodysId, `Invalid pk "${nobodysId}" - object does not exist.`],
];
const categoryCases = [...texts, ...names];
const productCases = [...texts, ...names, ...numbers, ...ids];

const missing = (fields: string[]): Case[] => fields.map((field) => [field, undefined, required]);

/** The cases that are not refused with the message of just that field. */
async function notRefused(cases: Case[], send: (fields: object) => Promise<[number, Json]>) {
  const others: string[] = [];
  for (const [field, value, message] of cases) {
    const [status, body] = await send({ [field]: value });
    if (status === 400 && isDeepStrictEqual(body, { [field]: [message] })) continue;
    const got = JSON.stringify(body).slice(0, 100);
    others.push(`${field} ${JSON.stringify(value)}: ${message} – but ${status} ${got}`);
  }
  return others;
}

test('a category is created only of fields that are right', async () => {
  const before = await everything();
  const usual = { name: 'n', description: 'd' };
  const cases = [...missing(Object.keys(usual)), ...categoryCases];
  const others = await notRefused(cases, (fields) =>
    call('POST /category/', { ...usual, ...fields }),
  );
  assert.deepEqual(others, []);
  assert.deepEqual(await everything(), before);
});

test('a category is changed only to fields that are right', async () => {
  const before = await everything();
  const others = await notRefused(categoryCases, (fields) =>
    call('PATCH /category/', { category_id: category.id, ...fields }),
  );
  assert.deepEqual(others, []);
  assert.deepEqual(await everything(), before);
});

test('a product is created only of fields that are right', async () => {
  const before = await everything();
  const usual = { name: 'n', description: 'd', price: 1, stock: 1, category_id: category.id };
  const cases = [...missing(Object.keys(usual)), ...productCases];
  const others = await notRefused(cases, (fields) =>
    call('POST /product/', { ...usual, ...fields }),
  );
  assert.deepEqual(others, []);
  assert.deepEqual(await everything(), before);
});

test('a product is changed only to fields that are right', async () => {
  const before = await everything();
  const others = await notRefused(productCases, (fields) =>
    call('PATCH /product/', { id: product.id, ...fields }),
  );
  assert.deepEqual(others, []);
  assert.deepEqual(await everything(), before);
});

test('all failing fields are told at once, and a half-right change changes nothing', async () => {
  const wrong = { name: '', description: null, price: 'x', stock: 1.5, category_id: 'x' };
  const errors = {
    name: [blank],
    description: [noNull],
    price: [noNumber],
    stock: [noInteger],
    category_id: [noId],
  };
  assert.deepEqual(await call('POST /product/', wrong), [400, errors]);
  assert.deepEqual(await call('PATCH /product/', { ...wrong, id: product.id }), [400, errors]);
  const before = await everything();
  const half = { id: product.id, name: 'Changed', price: 1, stock: -1 };
  assert.deepEqual(await call('PATCH /product/', half), [400, { stock: [atLeast0] }]);
  assert.deepEqual(await everything(), before);
});

test('texts are trimmed inside and out, and numbers are texts where a text is asked', async () => {
  for (const [sent, kept] of [
    ['  Bell  ', 'Bell'],
    ['\n\tBell\r\n', 'Bell'],
    ['two  words', 'two  words'],
    [12, '12'],
    [1.5, '1.5'],
    ['x'.repeat(255), 'x'.repeat(255)],
    [` ${'😀'.repeat(255)} `, '😀'.repeat(255)],
    ['<b>&amp;"\'', '<b>&amp;"\''],
    ['Größe – 鍵 – عربى', 'Größe – 鍵 – عربى'],
  ]) {
    const [status, made] = await call('POST /category/', { name: sent, description: sent });
    assert.deepEqual([status, made.name, made.description], [201, kept, kept]);
    const change = { id: product.id, name: sent, description: sent };
    const [, changed] = await call('PATCH /product/', change);
    assert.deepEqual([changed.name, changed.description], [kept, kept]);
  }
});

test('a description has at most 5,000 characters', async () => {
  const description = 'é'.repeat(5_000);
  const [status, made] = await call('POST /category/', { name: 'Long', description });
  assert.equal(status, 201);
  assert.equal(made.description, description);
  assert.deepEqual(
    await call('POST /category/', { name: 'Long', description: `${description}.` }),
    [400, { description: ['Ensure this field has no more than 5000 characters.'] }],
  );
});

test('prices and stocks are numbers as such or as text', async () => {
  for (const [sent, kept] of [
    [0, 0],
    ['0', 0],
    [-0, 0],
    ['-0', 0],
    [0.01, 0.01],
    ['19.99', 19.99],
    ['500', 500],
    ['+5', 5],
    [' 7.50 ', 7.5],
    ['1e2', 100],
    ['.5', 0.5],
    [9_999_999_999.99, 9_999_999_999.99],
    ['9999999999.99', 9_999_999_999.99],
  ]) {
    const [status, changed] = await call('PATCH /product/', { id: product.id, price: sent });
    assert.deepEqual([status, changed.price], [200, kept], String(sent));
  }
  for (const [sent, kept] of [
    [0, 0],
    ['5', 5],
    ['2.0', 2],
    [2.0, 2],
    [' 3 ', 3],
    [2_147_483_647, 2_147_483_647],
    ['2147483647', 2_147_483_647],
  ]) {
    const [status, changed] = await call('PATCH /product/', { id: product.id, stock: sent });
    assert.deepEqual([status, changed.stock], [200, kept], String(sent));
  }
});

test('prices are exact to the cent, in answers, lists and carts', async () => {
  const buyer = await shop.buyer();
  for (const price of [0.07, 0.1, 0.29, 1.15, 4.35, 8.95, 19.99, 1_234_567.89, 9_007_199_254.73]) {
    const made = await shop.product(seller, { price, name: `at ${price}`, stock: 3 });
    assert.equal(made.price, price);
    const [, page] = await call(`GET /list-product/?search=at%20${price}&page=last`, undefined);
    assert.deepEqual(page.results, [made]);
    const cart = await shop.call('POST /cart/', {
      token: buyer.access,
      body: { product_id: made.id, quantity: 3 },
    });
    assert.equal(cart.body.total_price, Number((price * 3).toFixed(2)));
    await shop.call('DELETE /cart/', { token: buyer.access });
  }
});
