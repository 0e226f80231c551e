import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Json, openShop, type TestShop, type User } from '../harness.ts';
import { nobodysId } from '../shopping.ts';

let shop: TestShop;
let seller: User;
let buyer: User;
before(async () => {
  shop = await openShop();
  [seller, buyer] = [await shop.seller(), await shop.buyer()];
});
after(() => shop.close());

const call = async (route: string, body?: unknown, user = seller): Promise<[number, Json]> => {
  const answer = await shop.call(route, { token: user.access, body });
  return [answer.status, answer.body];
};
const categories = async (): Promise<Json[]> => (await call('GET /list-category/'))[1];
const products = async (): Promise<Json[]> =>
  (await call('GET /list-product/?page_size=100'))[1].results;
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** The ways to write an id that are all accepted. */
const spellings = (id: string): string[] => [
  id,
  id.toUpperCase(),
  id.replaceAll('-', ''),
  id.replaceAll('-', '').toUpperCase(),
];
const noIds = ['x', '7', 'null', `${nobodysId}0`, nobodysId.slice(1), `{${nobodysId}}`, '%00'];

test('a category is created, answered, and listed last', async () => {
  await shop.category(seller);
  const [status, made] = await call('POST /category/', { name: 'Bells', description: 'They ring' });
  assert.equal(status, 201);
  assert.match(made.id, uuid);
  const { id } = made;
  const expected = { id, name: 'Bells', description: 'They ring', created_by: seller.id };
  assert.deepEqual(made, expected);
  assert.deepEqual((await categories()).at(-1), expected);
  const [, seenByBuyer] = await call('GET /list-category/', undefined, buyer);
  assert.deepEqual(seenByBuyer, await categories());
});

test('categories are listed oldest first, all of them, whoever made them', async () => {
  const other = await shop.seller();
  const before = (await categories()).map(({ id }) => id);
  const made: string[] = [];
  for (let count = 0; count < 24; count += 1) {
    made.push((await shop.category(count % 2 === 0 ? seller : other)).id);
  }
  const listed = (await categories()).map(({ id }) => id);
  assert.deepEqual(listed, [...before, ...made]);
});

test('a change of a category touches only the fields that are sent', async () => {
  const { id } = await shop.category(seller);
  const created_by = seller.id;
  for (const [change, name, description] of [
    [{}, 'Things', 'All sorts'],
    [{ name: 'Bells' }, 'Bells', 'All sorts'],
    [{ description: 'Loud' }, 'Bells', 'Loud'],
    [{ name: 'Horns', description: 'Low' }, 'Horns', 'Low'],
    [{ colour: 'red', created_by: 1 }, 'Horns', 'Low'],
  ]) {
    const [status, body] = await call('PATCH /category/', {
      category_id: id,
      ...(change as object),
    });
    assert.deepEqual([status, body], [200, { id, name, description, created_by }]);
    assert.deepEqual(
      (await categories()).find((one) => one.id === id),
      body,
    );
  }
});

test('a category that there is not cannot be changed', async () => {
  const before = await categories();
  const strange = [undefined, null, '', 7, true, [], {}, [before[0].id], ...noIds, nobodysId];
  for (const category_id of strange) {
    const answer = await call('PATCH /category/', { category_id, name: 'Changed' });
    assert.deepEqual(answer, [404, { detail: 'Category not found.' }], JSON.stringify(category_id));
  }
  const byId = await call('PATCH /category/', { id: before[0].id, name: 'Changed' });
  assert.deepEqual(byId, [404, { detail: 'Category not found.' }]);
  assert.deepEqual(await categories(), before);
});

test('a category is deleted by the id of the query, and only that', async () => {
  const { id } = await shop.category(seller);
  const before = await categories();
  for (const [route, body] of [
    ['DELETE /delete-category/', undefined],
    ['DELETE /delete-category/?id=', undefined],
    ['DELETE /delete-category/', { id }],
    [`DELETE /delete-category/?category_id=${id}`, { category_id: id }],
  ] as const) {
    assert.deepEqual(await call(route, body), [400, { error: 'Category ID is required.' }]);
  }
  for (const unknown of [...noIds, nobodysId]) {
    const answer = await call(`DELETE /delete-category/?id=${unknown}`);
    assert.deepEqual(answer, [404, { error: 'Category not found or access denied.' }], unknown);
  }
  assert.deepEqual(await categories(), before);

  const gone = [200, { message: 'Category deleted successfully.' }];
  assert.deepEqual(await call(`DELETE /delete-category/?id=${id}`), gone);
  assert.deepEqual(
    await categories(),
    before.filter((one) => one.id !== id),
  );
  const again = await call(`DELETE /delete-category/?id=${id}`);
  assert.deepEqual(again, [404, { error: 'Category not found or access denied.' }]);
  const change = await call('PATCH /category/', { category_id: id, name: 'Back' });
  assert.deepEqual(change, [404, { detail: 'Category not found.' }]);
  const offer = { name: 'n', description: 'd', price: 1, stock: 1, category_id: id };
  const message = `Invalid pk "${id}" - object does not exist.`;
  assert.deepEqual(await call('POST /product/', offer), [400, { category_id: [message] }]);
});

test('a product is created, answered with its category, and listed last', async () => {
  const category = await shop.category(seller);
  const fields = { name: 'Steel bell', description: 'Loud', price: 19.99, stock: 40 };
  const [status, made] = await call('POST /product/', { ...fields, category_id: category.id });
  assert.equal(status, 201);
  assert.match(made.id, uuid);
  assert.deepEqual(made, { id: made.id, ...fields, category });
  assert.deepEqual((await products()).at(-1), made);
});

test('a product may stand in another seller’s category', async () => {
  const other = await shop.seller();
  const category = await shop.category(other);
  const made = await shop.product(seller, { category_id: category.id });
  assert.deepEqual(made.category, { ...category, created_by: other.id });
});

test('a change of a product touches only the fields that are sent', async () => {
  const made = await shop.product(seller);
  const category = await shop.category(seller);
  let expected = made;
  const changes: [sent: object, changed: object][] = [
    [{}, {}],
    [{ name: 'Horn' }, { name: 'Horn' }],
    [{ description: 'Low' }, { description: 'Low' }],
    [{ price: 0.5 }, { price: 0.5 }],
    [{ stock: 0 }, { stock: 0 }],
    [
      { name: 'Gong', price: '7.25', stock: '3' },
      { name: 'Gong', price: 7.25, stock: 3 },
    ],
    [{ category_id: category.id }, { category }],
    [{ colour: 'red', created_by: 1, category: 'x' }, {}],
  ];
  for (const [sent, changed] of changes) {
    const [status, body] = await call('PATCH /product/', { id: made.id, ...sent });
    expected = { ...expected, ...changed };
    assert.deepEqual([status, body], [200, expected]);
    assert.deepEqual((await products()).at(-1), expected);
  }
});

test('a product that there is not cannot be changed', async () => {
  const { id } = await shop.product(seller);
  const before = await products();
  const missing = [404, { error: 'Product not found or unauthorized' }];
  for (const wrong of [undefined, null, '', 7, true, [], {}, [id], ...noIds, nobodysId]) {
    assert.deepEqual(await call('PATCH /product/', { id: wrong, stock: 1 }), missing);
  }
  assert.deepEqual(await call('PATCH /product/', { product_id: id, stock: 1 }), missing);
  assert.deepEqual(await products(), before);
});

test('a product is deleted by the id of the query, and only that', async () => {
  const { id } = await shop.product(seller);
  const before = await products();
  for (const [route, body] of [
    ['DELETE /delete-product/', undefined],
    ['DELETE /delete-product/?id=', undefined],
    ['DELETE /delete-product/', { id }],
    [`DELETE /delete-product/?product_id=${id}`, { product_id: id }],
  ] as const) {
    assert.deepEqual(await call(route, body), [400, { error: 'Product ID is required.' }]);
  }
  for (const unknown of [...noIds, nobodysId]) {
    const answer = await call(`DELETE /delete-product/?id=${unknown}`);
    assert.deepEqual(answer, [404, { error: 'Product not found or access denied.' }], unknown);
  }
  assert.deepEqual(await products(), before);

  const gone = [200, { message: 'Product deleted successfully.' }];
  assert.deepEqual(await call(`DELETE /delete-product/?id=${id}`), gone);
  assert.deepEqual(await products(), before.slice(0, -1));
  const again = await call(`DELETE /delete-product/?id=${id}`);
  assert.deepEqual(again, [404, { error: 'Product not found or access denied.' }]);
  const change = await call('PATCH /product/', { id, stock: 1 });
  assert.deepEqual(change, [404, { error: 'Product not found or unauthorized' }]);
});

test('an id may be written in upper case and without dashes', async () => {
  for (const index of [0, 1, 2, 3]) {
    const category = await shop.category(seller);
    const spelled = (id: string): string => spellings(id)[index] ?? id;
    const made = await shop.product(seller, { category_id: spelled(category.id) });
    assert.deepEqual(made.category, category);
    const [, renamed] = await call('PATCH /category/', {
      category_id: spelled(category.id),
      name: 'New',
    });
    assert.deepEqual(renamed, { ...category, name: 'New' });
    const [, changed] = await call('PATCH /product/', { id: spelled(made.id), stock: 1 });
    assert.deepEqual(changed, { ...made, stock: 1, category: renamed });
    const [, page] = await call(`GET /list-product/?category=${spelled(category.id)}`);
    assert.deepEqual(page.results, [changed]);
    assert.equal((await call(`DELETE /delete-product/?id=${spelled(made.id)}`))[0], 200);
    assert.equal((await call(`DELETE /delete-category/?id=${spelled(category.id)}`))[0], 200);
  }
});
