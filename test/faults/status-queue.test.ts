import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, afterEach, before, test } from 'node:test';
import { StatusQueue } from '../../src/features/orders/status-queue.ts';
import { Refusal } from '../../src/kernel/errors.ts';
import { limits } from '../../src/kernel/limits.ts';
import { type Json, openShop, type TestShop, type User } from '../harness.ts';
import { HeldLock } from '../held-lock.ts';
import { query } from '../program-data.ts';
import { moved, ordered, ordersOf, times } from '../shopping.ts';

let shop: TestShop;
let seller: User;
let buyer: User;
let bell: Json;
before(async () => {
  shop = await openShop({}, { patient: true });
  [seller, buyer] = [await shop.seller(), await shop.buyer()];
  bell = await shop.product(seller, { stock: 1000 });
});
after(() => shop.close());
afterEach(async () => assert.deepEqual(await shop.violations(), []));

const newOrder = (by = buyer): Promise<string> => ordered(shop, by, { product_id: bell.id });

/** A queue whose first step waits for a lock: what comes after it is the next batch. */
async function openHeldQueue() {
  const queue = new StatusQueue(shop.context);
  const actor = { userId: seller.id, isOperator: false };
  /** What came of it: the message of a refusal, the code of an error of the server. */
  const ship = (orderId: string): Promise<string> =>
    queue.update({ actor, orderId, status: 'shipped' }).then(
      () => 'shipped',
      (error) => (error instanceof Refusal ? error.message : error.code),
    );
  const held = await newOrder();
  const select = `SELECT FROM orders WHERE id = '${held}' FOR UPDATE`;
  const lock = await HeldLock.take(shop.databaseUrl, select);
  const first = ship(held);
  await lock.isWanted();
  return { ship, lock, first };
}

const tooBusy = 'Too many orders are updated at once. Try again in a moment.';

test('a step that the server refuses does not sink the others of its batch', async () => {
  const unlucky = await shop.buyer();
  const ids = [await newOrder(), await newOrder(unlucky), await newOrder(), randomUUID()];
  const { ship, lock, first } = await openHeldQueue();
  const others = Promise.all(ids.map(ship));
  const move = (offset: string) =>
    query(
      shop.databaseUrl,
      `UPDATE streams SET last_offset = ${offset} WHERE user_id = ${unlucky.id}`,
    );
  await move('9223372036854775807'); // the next one is out of range
  await lock.release();
  assert.deepEqual(await others, ['shipped', '22003', 'shipped', 'Order not found']);
  assert.equal(await first, 'shipped');
  await move('1');
  const [order] = await ordersOf(shop, unlucky);
  assert.deepEqual([order.id, order.status], [ids[1], 'pending']);
  await moved(shop, seller, { id: order.id, to: ['shipped', 'delivered'] });
});

test('when too many steps wait, more are refused; those that wait are decided', async () => {
  const { ship, lock, first } = await openHeldQueue();
  const waiting = times(limits.statusQueueSteps, () => ship(randomUUID()));
  const id = await newOrder();
  assert.equal(await ship(id), tooBusy);
  await lock.release();
  assert.equal(await first, 'shipped');
  assert.deepEqual(new Set(await Promise.all(waiting)), new Set(['Order not found']));
  assert.equal(await ship(id), 'shipped');
});

test('a step that waited for too long is refused, not tried', async (t) => {
  const [id, next] = [await newOrder(), await newOrder()];
  const { ship, lock, first } = await openHeldQueue();
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() });
  const late = ship(id);
  t.mock.timers.tick(limits.statusWaitMs + 1);
  const inTime = ship(next);
  await lock.release();
  assert.deepEqual(await Promise.all([first, late, inTime]), ['shipped', tooBusy, 'shipped']);
  assert.equal((await ordersOf(shop, buyer)).find((one) => one.id === id)?.status, 'pending');
});
