import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { type Answer, openShop, type TestNode, type TestShop, type User } from '../harness.ts';
import { addToCart, cartOf, countStatuses, order, orderCart, ordersOf } from '../shopping.ts';
import { stockOf, times } from '../shopping.ts';

// Red without FOR NO KEY UPDATE and CHECK (stock >= 0) in place-orders.ts and 001_shop.sql.

let shop: TestShop;
let other: TestNode;
let seller: User;
let buyers: User[];
before(async () => {
  shop = await openShop();
  other = await shop.node();
  seller = await shop.seller();
  buyers = await Promise.all(times(200, () => shop.buyer()));
});
after(() => shop.close());
afterEach(async () => assert.deepEqual(await shop.violations(), []));

const soldOut = { error: 'Insufficient stock for product Bell' };

function refusalsOf(answers: Answer[]): string[] {
  const refused = answers.filter(({ status }) => status !== 201);
  return [...new Set(refused.map(({ status, text }) => `${status} ${text}`))];
}

/** Who was told 201 has the order, who was refused has none. */
async function isKept(answers: Answer[], productId: string): Promise<void> {
  await Promise.all(
    answers.map(async ({ status, body }, index) => {
      const orders = await ordersOf(shop, buyers[index] as User);
      const got = orders.filter(({ items }) => items[0].product.id === productId);
      assert.deepEqual(
        got.map(({ id }) => id),
        status === 201 ? body.order_ids : [],
      );
    }),
  );
}

test('200 buyers at once for 100 units buy exactly 100', async () => {
  const bell = await shop.product(seller, { name: 'Bell', stock: 100 });
  const answers = await Promise.all(
    buyers.map((buyer) => order(shop, buyer, [{ product_id: bell.id }])),
  );
  assert.deepEqual(countStatuses(answers), { 201: 100, 400: 100 });
  assert.deepEqual(refusalsOf(answers), [`400 ${JSON.stringify(soldOut)}`]);
  assert.equal(await stockOf(shop, bell), 0);
  await isKept(answers, bell.id);
});

test('so they do on two nodes and from carts, which only the lucky find emptied', async () => {
  const bell = await shop.product(seller, { name: 'Bell', stock: 100 });
  await Promise.all(buyers.map((buyer) => addToCart(shop, buyer, { product_id: bell.id })));
  const answers = await Promise.all(
    buyers.map((buyer, index) => orderCart(index % 2 === 0 ? shop : other, buyer)),
  );
  assert.deepEqual(countStatuses(answers), { 201: 100, 400: 100 });
  assert.deepEqual(refusalsOf(answers), [`400 ${JSON.stringify(soldOut)}`]);
  assert.equal(await stockOf(shop, bell), 0);
  await isKept(answers, bell.id);
  await Promise.all(
    buyers.map(async (buyer, index) =>
      assert.deepEqual(
        await cartOf(shop, buyer),
        answers[index]?.status === 201 ? [] : [[bell.id, 1]],
      ),
    ),
  );
});

test('orders of several of several things, in any order of lines, on two nodes', async () => {
  const bells = await Promise.all(
    times(3, () => shop.product(seller, { name: 'Bell', stock: 100 })),
  );
  const sold = new Map<string, number>();
  const answers = await Promise.all(
    buyers.map(async (buyer, index) => {
      const turned = [...bells.slice(index % 3), ...bells.slice(0, index % 3)];
      const wanted = index % 2 === 0 ? turned : turned.toReversed();
      const lines = wanted.slice(0, 2).map(({ id }, place) => ({
        product_id: id,
        quantity: 1 + ((index + place) % 3),
      }));
      const answer = await order(index % 4 < 2 ? shop : other, buyer, lines);
      if (answer.status === 201) {
        for (const { product_id, quantity } of lines) {
          sold.set(product_id, (sold.get(product_id) ?? 0) + quantity);
        }
      }
      return answer;
    }),
  );
  assert.deepEqual(refusalsOf(answers), [`400 ${JSON.stringify(soldOut)}`]);
  for (const bell of bells) {
    assert.equal(await stockOf(shop, bell), 100 - (sold.get(bell.id) ?? 0));
  }
});

test('what is restocked while all buy is sold too, and no more', async () => {
  const bell = await shop.product(seller, { name: 'Bell', stock: 0 });
  const restocks = times(5, async () => {
    const body = { id: bell.id, stock: 10 };
    const answer = await shop.call('PATCH /product/', { token: seller.access, body });
    assert.equal(answer.status, 200);
  });
  const buying = buyers.map((buyer) => order(shop, buyer, [{ product_id: bell.id }]));
  const answers = await Promise.all(buying);
  await Promise.all(restocks);
  const { 201: sold = 0, 400: refused = 0 } = countStatuses(answers);
  assert.equal(sold + refused, 200);
  assert.ok((await stockOf(shop, bell)) >= 0 && sold <= 50);
});
