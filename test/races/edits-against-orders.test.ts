import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import {
  type Answer,
  type Json,
  openShop,
  type TestNode,
  type TestShop,
  type User,
} from '../harness.ts';
import { HeldLock } from '../held-lock.ts';
import { countStatuses, order, ordersOf, stockOf, times } from '../shopping.ts';

let shop: TestShop;
let nodes: TestNode[];
let seller: User;
let buyers: User[];
before(async () => {
  shop = await openShop();
  nodes = [shop, await shop.node()];
  seller = await shop.seller();
  buyers = await Promise.all(times(10, () => shop.buyer()));
});
after(() => shop.close());
afterEach(async () => assert.deepEqual(await shop.violations(), []));

const node = (index: number): TestNode => nodes[index % 2] as TestNode;

const edit = (body: object, by: TestNode = shop): Promise<Answer> =>
  by.call('PATCH /product/', { token: seller.access, body });

/** Orders of one each by all buyers, `rounds` times, all at once. */
const buyAll = (rounds: number, ...ids: string[]): Promise<Answer>[] =>
  times(rounds * buyers.length, (index) =>
    order(
      node(index),
      buyers[index % buyers.length] as User,
      ids.map((product_id) => ({ product_id })),
    ),
  );

for (const [what, path] of [
  ['product', (product: { id: string }) => `/delete-product/?id=${product.id}`],
  [
    'category',
    (product: { category: { id: string } }) => `/delete-category/?id=${product.category.id}`,
  ],
] as const) {
  test(`while its ${what} is deleted a product is sold or not found, then no more`, async () => {
    for (let round = 0; round < 5; round += 1) {
      const bell = await shop.product(seller, { stock: 1000 });
      const before = buyAll(2, bell.id);
      const deleted = await node(round).call(`DELETE ${path(bell)}`, { token: seller.access });
      assert.equal(deleted.status, 200);
      const late = await Promise.all(buyAll(1, bell.id));
      const missing = { error: `Product ${bell.id} not found` };
      for (const { status, body } of late) assert.deepEqual([status, body], [404, missing]);
      const answers = await Promise.all(before);
      for (const { status, body } of answers) {
        if (status !== 201) assert.deepEqual([status, body], [404, missing]);
      }
      const { 201: sold = 0 } = countStatuses(answers);
      assert.equal(await stockOf(shop, bell), 1000 - sold);
    }
  });
}

test('while prices and names change, each line has a pair that stood together', async () => {
  const bell = await shop.product(seller, { name: 'Bell 1', price: 1, stock: 1000 });
  const gong = await shop.product(seller, { name: 'Gong 1', price: 1, stock: 1000 });
  const buying = buyAll(8, bell.id, gong.id);
  for (let price = 2; price <= 12; price += 1) {
    await Promise.all([
      edit({ id: bell.id, price, name: `Bell ${price}` }, node(price)),
      edit({ id: gong.id, price, name: `Gong ${price}` }, node(price + 1)),
    ]);
  }
  assert.deepEqual(countStatuses(await Promise.all(buying)), { 201: 80 });
  for (const buyer of buyers) {
    const orders = (await ordersOf(shop, buyer)).filter(({ items }) => items.length === 2);
    assert.equal(orders.length, 8);
    for (const { items, total_price } of orders) {
      const prices = items.map(({ price }: { price: number }) => price);
      assert.deepEqual(
        items.map(({ product }: { product: { name: string } }) => product.name),
        [`Bell ${prices[0]}`, `Gong ${prices[1]}`],
      );
      assert.equal(total_price, prices[0] + prices[1]);
    }
  }
});

test('an order that waits for an edit takes the new price with the new name', async () => {
  const bell = await shop.product(seller, { name: 'Old bell', price: 1, stock: 5 });
  const edited = `UPDATE products SET name = 'New bell', price_minor = 200 WHERE id = '${bell.id}'`;
  const lock = await HeldLock.take(shop.databaseUrl, edited);
  const buyer = await shop.buyer();
  const buying = order(shop, buyer, [{ product_id: bell.id }]);
  await lock.isWanted();
  await lock.commit();
  assert.equal((await buying).status, 201);
  const [{ items }] = (await ordersOf(shop, buyer)) as [Json];
  assert.deepEqual([items[0].product.name, items[0].price], ['New bell', 2]);
});

test('a stock that is counted anew while it is sold loses no sale', async () => {
  const bell = await shop.product(seller, { stock: 40 });
  const buying = buyAll(8, bell.id);
  const counts = times(10, (index) => edit({ id: bell.id, stock: 20 + index }, node(index)));
  assert.deepEqual(countStatuses(await Promise.all(counts)), { 200: 10 });
  const { 201: sold = 0, 400: refused = 0 } = countStatuses(await Promise.all(buying));
  assert.equal(sold + refused, 80); // and the stock adds up: see violations()
});

test('an edit of one field does not undo another edit of another', async () => {
  for (let round = 0; round < 10; round += 1) {
    const bell = await shop.product(seller, { name: 'Bell', price: 1, stock: 5 });
    const edits = [{ name: 'Gong' }, { price: 2 }, { stock: 7 }, { description: 'It booms' }];
    const answers = await Promise.all(
      edits.map((fields, index) => edit({ id: bell.id, ...fields }, node(index))),
    );
    assert.deepEqual(countStatuses(answers), { 200: 4 });
    const { body } = await shop.call('GET /list-product/?page=last', { token: seller.access });
    const [shown] = body.results.filter(({ id }: { id: string }) => id === bell.id);
    assert.deepEqual(shown, { ...bell, ...Object.assign({}, ...edits) });
  }
});
