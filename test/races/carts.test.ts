import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { type Json, openShop, type TestNode, type TestShop, type User } from '../harness.ts';
import { HeldLock } from '../held-lock.ts';
import { addToCart, cartOf, countStatuses, times } from '../shopping.ts';

// Red when a quantity is read first and written after.

let shop: TestShop;
let nodes: TestNode[];
let seller: User;
let bell: Json;
before(async () => {
  shop = await openShop();
  nodes = [shop, await shop.node()];
  seller = await shop.seller();
  bell = await shop.product(seller, { name: 'Bell', stock: 500 });
});
after(() => shop.close());
afterEach(async () => assert.deepEqual(await shop.violations(), []));

const node = (index: number): TestNode => nodes[index % 2] as TestNode;

test('ten parallel adds on a fresh account make one cart with all of them', async () => {
  const { id: category_id } = await shop.category(seller);
  const things: Json[] = [];
  for (let index = 0; index < 5; index += 1)
    things.push(await shop.product(seller, { category_id }));
  for (let round = 0; round < 5; round += 1) {
    const buyer = await shop.buyer();
    const answers = await Promise.all(
      times(10, (index) => addToCart(node(index), buyer, { product_id: things[index >> 1].id })),
    );
    assert.deepEqual(countStatuses(answers), { 201: 10 });
    const lines = await cartOf(shop, buyer);
    assert.deepEqual(new Map(lines), new Map(things.map(({ id }) => [id, 2])));
    assert.equal(lines.length, 5);
  }
});

test('parallel adds of many quantities on two nodes all count', async () => {
  const buyer = await shop.buyer();
  const quantities = times(40, (index) => 1 + (index % 5));
  const answers = await Promise.all(
    quantities.map((quantity, index) =>
      addToCart(node(index), buyer, { product_id: bell.id, quantity }),
    ),
  );
  assert.deepEqual(countStatuses(answers), { 201: 40 });
  assert.deepEqual(await cartOf(shop, buyer), [[bell.id, 120]]);
});

test('parallel adds never pass the stock together', async () => {
  const buyer = await shop.buyer();
  const vase = await shop.product(seller, { name: 'Vase', stock: 20 });
  const answers = await Promise.all(
    times(30, (index) => addToCart(node(index), buyer, { product_id: vase.id })),
  );
  assert.deepEqual(countStatuses(answers), { 201: 20, 400: 10 });
  for (const { status, body } of answers) {
    if (status === 400) assert.deepEqual(body, { error: 'Insufficient stock for product Vase' });
  }
  assert.deepEqual(await cartOf(shop, buyer), [[vase.id, 20]]);
});

test('parallel adds of different things never make a cart of more than 100', async () => {
  const buyer = await shop.buyer();
  const { id: category_id } = await shop.category(seller);
  const things = await Promise.all(times(120, () => shop.product(seller, { category_id })));
  const add = ({ id }: Json, index: number) => addToCart(node(index), buyer, { product_id: id });
  for (const thing of things.slice(0, 90)) await add(thing, 0);
  const answers = await Promise.all(things.slice(90).map(add));
  assert.deepEqual(countStatuses(answers), { 201: 10, 400: 20 });
  assert.equal((await cartOf(shop, buyer)).length, 100);
});

test('after parallel sets and adds the cart is as some order of them leaves it', async () => {
  for (let round = 0; round < 10; round += 1) {
    const buyer = await shop.buyer();
    const set = (quantity: number) => (node: TestNode) =>
      node.call('PATCH /cart/', { token: buyer.access, body: { product_id: bell.id, quantity } });
    const add = (node: TestNode) => addToCart(node, buyer, { product_id: bell.id, quantity: 1 });
    // 100 or 200 were set last or next to last, and up to four adds came after.
    const answers = await Promise.all(
      [add, set(100), add, set(200), add, add].map((act, index) => act(node(index))),
    );
    assert.deepEqual(countStatuses(answers), { 200: 2, 201: 4 });
    const [[, quantity] = []] = await cartOf(shop, buyer);
    assert.ok([0, 1, 2, 3, 4].includes((quantity ?? 0) % 100), `${quantity}`);
    assert.ok([1, 2].includes(Math.floor((quantity ?? 0) / 100)), `${quantity}`);
  }
});

test('who empties the cart while it is filled keeps what came after', async () => {
  const buyer = await shop.buyer();
  const adds = times(20, (index) => addToCart(node(index), buyer, { product_id: bell.id }));
  const emptied = await shop.call('DELETE /cart/', { token: buyer.access });
  assert.equal(emptied.status, 200);
  const answers = await Promise.all(adds);
  assert.deepEqual(countStatuses(answers), { 201: 20 });
  const [[, quantity] = [bell.id, 0]] = await cartOf(shop, buyer);
  assert.ok(quantity <= 20);
  await addToCart(shop, buyer, { product_id: bell.id });
  assert.deepEqual(await cartOf(shop, buyer), [[bell.id, quantity + 1]]);
});

test('an answer shows the cart after the change, as parallel ones left it', async () => {
  const buyer = await shop.buyer();
  const add = (_: unknown, index: number) => addToCart(node(index), buyer, { product_id: bell.id });
  const answers = await Promise.all(times(20, String).map(add));
  const shown = answers.map(({ body }) => body.total_items).toSorted((a, b) => a - b);
  assert.deepEqual(
    shown,
    times(20, (index) => index + 1),
  );
});

test('what is added after a wait for the line is measured against the stock of then', async () => {
  const buyer = await shop.buyer();
  const vase = await shop.product(seller, { name: 'Vase', stock: 5 });
  await addToCart(shop, buyer, { product_id: vase.id, quantity: 3 });
  const line = `SELECT FROM cart_lines WHERE buyer_id = ${buyer.id} FOR UPDATE`;
  const lock = await HeldLock.take(shop.databaseUrl, line);
  const adding = addToCart(shop, buyer, { product_id: vase.id, quantity: 2 });
  await lock.isWanted();
  const body = { id: vase.id, stock: 4 };
  const counted = await shop.call('PATCH /product/', { token: seller.access, body });
  assert.equal(counted.status, 200);
  await lock.release();
  const refused = await adding;
  assert.deepEqual(refused.body, { error: 'Insufficient stock for product Vase' });
  assert.deepEqual(await cartOf(shop, buyer), [[vase.id, 3]]);
});
