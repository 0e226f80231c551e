import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { type Json, openShop, type TestNode, type TestShop, type User } from '../harness.ts';
import { countStatuses, insist, moved, ordered, ordersOf, setStatus, times } from '../shopping.ts';

// Red when the status is read without locking its order.

let shop: TestShop;
let nodes: TestNode[];
let seller: User;
let operator: User;
let buyer: User;
let bell: Json;
before(async () => {
  shop = await openShop();
  nodes = [shop, await shop.node()];
  [seller, operator, buyer] = [await shop.seller(), await shop.operator(), await shop.buyer()];
  bell = await shop.product(seller, { stock: 1000 });
});
after(() => shop.close());
afterEach(async () => assert.deepEqual(await shop.violations(), []));

const change = (id: string, status: string) => (index: number) =>
  insist(() =>
    setStatus(nodes[index % 2] as TestNode, index % 3 === 0 ? operator : seller, {
      order_id: id,
      status,
    }),
  );

/** What the buyer was told of an order, from the beginning. */
async function toldOf(id: string): Promise<string[]> {
  const socket = await shop.socket(`/ws/notifications/${buyer.access}/?after=0`);
  const messages = await socket.receive(await eventsSoFar());
  await socket.close();
  return messages.filter(({ order_id }) => order_id === id).map(({ status }) => status);
}

/** How many events the buyer's orders make, as far as they are. */
async function eventsSoFar(): Promise<number> {
  const orders = await ordersOf(shop, buyer);
  const steps: Record<string, number> = { pending: 1, shipped: 2, delivered: 3 };
  return orders.reduce((sum, { status }) => sum + (steps[status] ?? 0), 0);
}

test('of 200 concurrent updates one wins, and the buyer is told once', async () => {
  const id = await ordered(shop, buyer, { product_id: bell.id });
  for (const status of ['shipped', 'delivered']) {
    const answers = await Promise.all(times(200, change(id, status)));
    assert.deepEqual(countStatuses(answers), { 200: 1, 400: 199 });
    for (const { status: code, body } of answers) {
      assert.deepEqual(
        body,
        code === 200
          ? { message: `Order status updated to ${status}` }
          : { error: 'Order already in this status' },
      );
    }
  }
  assert.deepEqual(await toldOf(id), ['pending', 'shipped', 'delivered']);
});

test('both steps at once: never backwards, never skipped, each told once', async () => {
  for (let round = 0; round < 10; round += 1) {
    const id = await ordered(shop, buyer, { product_id: bell.id });
    const answers = await Promise.all(
      times(20, (index) => change(id, index % 2 === 0 ? 'delivered' : 'shipped')(index >> 1)),
    );
    const won = answers.filter(({ status }) => status === 200).map(({ body }) => body.message);
    const steps = ['shipped', 'delivered'].slice(0, won.length);
    assert.deepEqual(new Set(won), new Set(steps.map((step) => `Order status updated to ${step}`)));
    const status = steps.at(-1);
    assert.equal((await ordersOf(shop, buyer)).find((one) => one.id === id)?.status, status);
    assert.deepEqual(await toldOf(id), ['pending', ...steps]);
  }
});

test('orders placed and moved all at once leave no gap in the offsets', async () => {
  const ids = await Promise.all(
    times(30, async (index) => {
      const id = await ordered(nodes[index % 2] as TestNode, buyer, { product_id: bell.id });
      await moved(nodes[(index + 1) % 2] as TestNode, seller, { id, to: ['shipped', 'delivered'] });
      return id;
    }),
  );
  for (const id of ids.slice(0, 3)) {
    assert.deepEqual(await toldOf(id), ['pending', 'shipped', 'delivered']);
  }
});
