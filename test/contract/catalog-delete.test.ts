import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Json, openShop, type TestShop, type User } from '../harness.ts';

let shop: TestShop;
let seller: User;
let other: User;
let buyer: User;
before(async () => {
  shop = await openShop();
  [seller, other, buyer] = [await shop.seller(), await shop.seller(), await shop.buyer()];
});
after(async () => {
  assert.deepEqual(await shop.violations(), []);
  await shop.close();
});

const call = async (route: string, user: User, body?: unknown): Promise<[number, Json]> => {
  const answer = await shop.call(route, { token: user.access, body });
  return [answer.status, answer.body];
};
const read = async (route: string): Promise<Json> => (await call(`GET ${route}`, buyer))[1];
const listed = async (): Promise<string[]> =>
  (await read('/list-product/?page_size=100')).results.map(({ id }: Json) => id);
const remove = (kind: 'category' | 'product', id: string, user = seller) =>
  call(`DELETE /delete-${kind}/?id=${id}`, user);
const addToCart = (product: Json, quantity: number) =>
  call('POST /cart/', buyer, { product_id: product.id, quantity });
const order = (...products: Json[]) =>
  call('POST /place-order/', buyer, { products: products.map(({ id }) => ({ product_id: id })) });

test('a deleted product leaves lists and carts, and cannot be bought', async () => {
  const [gone, stays] = [await shop.product(seller), await shop.product(seller)];
  await addToCart(gone, 2);
  await addToCart(stays, 1);
  assert.equal((await remove('product', gone.id))[0], 200);
  const ids = await listed();
  assert.ok(!ids.includes(gone.id) && ids.includes(stays.id));
  const cart = await read('/cart/');
  assert.deepEqual(
    cart.items.map(({ product }: Json) => product.id),
    [stays.id],
  );
  assert.deepEqual([cart.total_items, cart.total_price], [1, 19.99]);
  const missing = [404, { error: `Product ${gone.id} not found` }];
  assert.deepEqual(await addToCart(gone, 1), missing);
  assert.deepEqual(await order(gone), missing);
  assert.deepEqual(await order(stays, gone), missing);
  assert.equal((await order(stays))[0], 201);
});

test('past orders keep the lines of a deleted product', async () => {
  const product = await shop.product(seller, { name: 'Old bell', price: 4.35 });
  const [, placed] = await order(product);
  const find = async (): Promise<Json> =>
    (await read('/list-user-order/')).results.find(({ id }: Json) => id === placed.order_id);
  const before = await find();
  assert.deepEqual([before.total_price, before.items.length], [4.35, 1]);
  assert.equal((await remove('product', product.id))[0], 200);
  assert.deepEqual(await find(), before);
  assert.equal((await remove('category', product.category.id))[0], 200);
  assert.deepEqual(await find(), before);
  const [status] = await call('PATCH /update-order-status/', seller, {
    order_id: placed.order_id,
    status: 'shipped',
  });
  assert.equal(status, 200, 'and the order can still be moved');
});

test('a deleted category takes its products out of lists, carts and reach', async () => {
  const category = await shop.category(seller);
  const inside = [
    await shop.product(seller, { category_id: category.id }),
    await shop.product(seller, { category_id: category.id }),
  ];
  const outside = await shop.product(seller);
  await call('DELETE /cart/', buyer);
  for (const product of [...inside, outside]) await addToCart(product, 1);
  const [, placed] = await order(...inside);
  assert.equal((await remove('category', category.id))[0], 200);

  const ids = await listed();
  for (const { id } of inside) {
    assert.ok(!ids.includes(id));
    const change = await call('PATCH /product/', seller, { id, stock: 5 });
    assert.deepEqual(change, [404, { error: 'Product not found or unauthorized' }]);
    assert.equal((await remove('product', id))[0], 404);
  }
  assert.ok(ids.includes(outside.id));
  const page = await read(`/list-product/?category=${category.id}`);
  assert.deepEqual([page.total_products, page.total_pages], [0, 1]);
  const cart = await read('/cart/');
  assert.deepEqual(
    cart.items.map(({ product }: Json) => product.id),
    [outside.id],
  );
  const kept = (await read('/list-user-order/')).results.find(
    ({ id }: Json) => id === placed.order_id,
  );
  assert.equal(kept.items.length, 2);
});

test('a category stays while it holds another seller’s product', async () => {
  const category = await shop.category(seller);
  const own = await shop.product(seller, { category_id: category.id });
  const foreign = await shop.product(other, { category_id: category.id });
  const before = await read('/list-product/?page=last');

  const [status, body] = await remove('category', category.id);
  assert.equal(status, 409);
  assert.deepEqual(Object.keys(body), ['error']);
  assert.deepEqual(await read('/list-product/?page=last'), before);
  assert.ok((await read('/list-category/')).some(({ id }: Json) => id === category.id));

  assert.equal((await remove('product', own.id))[0], 200);
  assert.equal((await remove('category', category.id))[0], 409, 'still the other’s product');
  assert.equal((await remove('product', foreign.id, other))[0], 200);
  assert.equal((await remove('category', category.id))[0], 200, 'now it is empty');
});

test('a category may go once the other seller’s product has moved elsewhere', async () => {
  const category = await shop.category(seller);
  const foreign = await shop.product(other, { category_id: category.id });
  assert.equal((await remove('category', category.id))[0], 409);
  const elsewhere = await shop.category(other);
  await call('PATCH /product/', other, { id: foreign.id, category_id: elsewhere.id });
  assert.equal((await remove('category', category.id))[0], 200);
  assert.ok((await listed()).includes(foreign.id));
});

test('an operator may delete a category with the products of all sellers', async () => {
  const operator = await shop.operator();
  const category = await shop.category(seller);
  const products = [
    await shop.product(seller, { category_id: category.id }),
    await shop.product(other, { category_id: category.id }),
  ];
  assert.equal((await remove('category', category.id, operator))[0], 200);
  const ids = await listed();
  for (const { id } of products) assert.ok(!ids.includes(id));
});

test('a product cannot be moved into a deleted category', async () => {
  const gone = await shop.category(seller);
  const product = await shop.product(seller);
  await remove('category', gone.id);
  const change = { id: product.id, name: 'Moved', category_id: gone.id };
  const message = `Invalid pk "${gone.id}" - object does not exist.`;
  assert.deepEqual(await call('PATCH /product/', seller, change), [
    400,
    { category_id: [message] },
  ]);
  const page = await read('/list-product/?page=last');
  assert.deepEqual(page.results.at(-1), product);
});
