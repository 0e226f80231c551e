import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { type Answer, type Json, openShop, type TestNode, type TestShop } from '../harness.ts';
import type { User } from '../harness.ts';
import { addToCart, cartOf, countStatuses, orderCart, ordersOf, stockOf } from '../shopping.ts';
import { times } from '../shopping.ts';

// Red when place-orders.ts or change-carts.ts reads the cart without locking its lines.

let shop: TestShop;
let nodes: TestNode[];
let seller: User;
let bell: Json;
before(async () => {
  shop = await openShop();
  nodes = [shop, await shop.node()];
  seller = await shop.seller();
  bell = await shop.product(seller, { stock: 100_000 });
});
after(() => shop.close());
afterEach(async () => assert.deepEqual(await shop.violations(), []));

const node = (index: number): TestNode => nodes[index % 2] as TestNode;
const nothing = { error: 'No products provided' };

const orderedBy = async (buyer: User): Promise<number[]> =>
  (await ordersOf(shop, buyer)).map(({ items }) => items[0].quantity);
const inCart = async (buyer: User): Promise<number> => (await cartOf(shop, buyer))[0]?.[1] ?? 0;
const compareIds = (a: string, b: string): number => (a < b ? -1 : 1);
const sum = (numbers: number[]): number => numbers.reduce((total, number) => total + number, 0);

test('what is added while the cart is ordered is ordered or still there', async () => {
  for (let round = 0; round < 20; round += 1) {
    const buyer = await shop.buyer();
    await addToCart(shop, buyer, { product_id: bell.id, quantity: 5 });
    const acts = times(9, (index) =>
      index % 3 === 1
        ? orderCart(node(index), buyer)
        : addToCart(node(index + round), buyer, { product_id: bell.id, quantity: 1 }),
    );
    const answers = await Promise.all(acts);
    for (const { status, body } of answers) {
      if (status !== 201) assert.deepEqual([status, body], [400, nothing]);
    }
    assert.equal(sum(await orderedBy(buyer)) + (await inCart(buyer)), 5 + 6);
  }
});

test('other things added while the cart is ordered are ordered or still there', async () => {
  const { id: category_id } = await shop.category(seller);
  const things = await Promise.all(times(90, () => shop.product(seller, { category_id })));
  const ids: string[] = things.map(({ id }) => id);
  const buyer = await shop.buyer();
  const filled = new AbortController();
  const adding = times(6, async (lane) => {
    for (const product_id of ids.filter((_, index) => index % 6 === lane)) {
      const added = await addToCart(node(lane), buyer, { product_id });
      assert.equal(added.status, 201);
    }
  });
  const ordering = times(2, async (lane) => {
    while (!filled.signal.aborted) await orderCart(node(lane), buyer);
  });
  await Promise.all(adding);
  filled.abort();
  await Promise.all(ordering);
  const orders = await ordersOf(shop, buyer);
  const ordered = orders.flatMap(({ items }) => items.map(({ product }: Json) => product.id));
  const left = (await cartOf(shop, buyer)).map(([id]) => id);
  assert.ok(orders.length > 1);
  assert.deepEqual([...ordered, ...left].toSorted(compareIds), ids.toSorted(compareIds));
});

test('a cart that is ordered twenty times at once is ordered once', async () => {
  for (let round = 0; round < 5; round += 1) {
    const buyer = await shop.buyer();
    const vase = await shop.product(seller, { stock: 100 });
    await addToCart(shop, buyer, { product_id: bell.id, quantity: 2 });
    await addToCart(shop, buyer, { product_id: vase.id, quantity: 3 });
    const answers = await Promise.all(times(20, (index) => orderCart(node(index), buyer)));
    assert.deepEqual(countStatuses(answers), { 201: 1, 400: 19 });
    assert.deepEqual(await orderedBy(buyer), [2]);
    assert.equal(await stockOf(shop, vase), 97);
    assert.deepEqual(await cartOf(shop, buyer), []);
  }
});

const edit =
  (quantity: number) =>
  (by: TestNode, buyer: User): Promise<Answer> =>
    by.call('PATCH /cart/', { token: buyer.access, body: { product_id: bell.id, quantity } });
const remove = (by: TestNode, buyer: User): Promise<Answer> =>
  by.call(`DELETE /cart/?product_id=${bell.id}`, { token: buyer.access });
const empty = (by: TestNode, buyer: User): Promise<Answer> =>
  by.call('DELETE /cart/', { token: buyer.access });

for (const [what, act, outcomes] of [
  // what was ordered and what is left: the edit came before the order, or after it
  ['set to 9', edit(9), ['9 ordered, 0 left', '5 ordered, 9 left']],
  ['set to 0', edit(0), ['0 ordered, 0 left', '5 ordered, 0 left']],
  ['removed', remove, ['0 ordered, 0 left', '5 ordered, 0 left']],
  ['emptied', empty, ['0 ordered, 0 left', '5 ordered, 0 left']],
] as const) {
  test(`a line that is ${what} while it is ordered ends as if one came first`, async () => {
    for (let round = 0; round < 15; round += 1) {
      const buyer = await shop.buyer();
      await addToCart(shop, buyer, { product_id: bell.id, quantity: 5 });
      const acts = [() => act(node(round), buyer), () => orderCart(node(round + 1), buyer)];
      const pending = (round % 4 < 2 ? acts : acts.toReversed()).map((start) => start());
      for (const { status, body } of await Promise.all(pending)) {
        if (status >= 300) assert.deepEqual([status, body], [400, nothing]);
      }
      const outcome = `${sum(await orderedBy(buyer))} ordered, ${await inCart(buyer)} left`;
      assert.ok(
        outcomes.some((one) => one === outcome),
        outcome,
      );
    }
  });
}
