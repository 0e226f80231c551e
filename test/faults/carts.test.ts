import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { Carts } from '../../src/features/cart/carts.ts';
import { Refusal } from '../../src/kernel/errors.ts';
import { limits } from '../../src/kernel/limits.ts';
import { type Json, openShop, type TestShop, type User } from '../harness.ts';
import { HeldLock } from '../held-lock.ts';
import { cartOf, nobodysId, times } from '../shopping.ts';

let shop: TestShop;
let seller: User;
let bell: Json;
before(async () => {
  shop = await openShop({}, { patient: true });
  seller = await shop.seller();
  bell = await shop.product(seller, { name: 'Bell', stock: 1000 });
});
after(() => shop.close());
afterEach(async () => assert.deepEqual(await shop.violations(), []));

const nobody = 2_000_000_000;
const tooBusy = 'Too many carts are asked for at once. Try again in a moment.';

/** What came of it: how much there is in the cart, the message of a refusal, or a server's code. */
const told = (asked: ReturnType<Carts['read']>): Promise<number | string> =>
  asked.then(
    ({ totalItems }) => totalItems,
    (error) => (error instanceof Refusal ? error.message : error.code),
  );

/** Carts whose first change waits for a lock: what comes after it is the next batch. */
async function openHeldCarts() {
  const carts = new Carts(shop.context);
  const add = (buyerId: number, { productId = bell.id, quantity = 1 } = {}) =>
    told(carts.change({ verb: 'add', buyerId, productId, quantity }));
  const { id } = await shop.buyer();
  const lock = await HeldLock.take(
    shop.databaseUrl,
    `SELECT FROM users WHERE id = ${id} FOR UPDATE`,
  );
  const first = add(id);
  await lock.isWanted();
  return { add, lock, first };
}

test('a change that is refused, or sinks its batch, leaves the others alone', async () => {
  const buyers = await Promise.all(times(5, () => shop.buyer()));
  const [ann, bob, cy, di, ed] = buyers.map(({ id }) => id) as [
    number,
    number,
    number,
    number,
    number,
  ];
  const { add, lock, first } = await openHeldCarts();
  const asked = Promise.all([
    add(ann, { quantity: 3 }),
    add(bob, { quantity: 1001 }),
    add(nobody), // no such user: the server refuses to write the line, and all with it
    add(cy, { productId: nobodysId }),
    add(di),
    add(di, { quantity: 2 }),
    add(ed, { quantity: 10_001 }),
  ]);
  await lock.release();
  assert.equal(await first, 1);
  assert.deepEqual(await asked, [
    3,
    'Insufficient stock for product Bell',
    '23503',
    `Product ${nobodysId} not found`,
    1,
    3,
    'Quantity must be a whole number from 1 to 10000',
  ]);
  const lines = await Promise.all(buyers.map((buyer) => cartOf(shop, buyer)));
  assert.deepEqual(lines, [[[bell.id, 3]], [], [], [[bell.id, 3]], []]);
});

test('a read that the server refuses does not sink the others of its batch', async () => {
  const carts = new Carts(shop.context);
  const { id } = await shop.buyer();
  await carts.change({ verb: 'add', buyerId: id, productId: bell.id, quantity: 2 });
  const alone = times(limits.cartReadLanes, () => told(carts.read(id)));
  const together = [id, 2 ** 40, id, nobody].map((buyerId) => told(carts.read(buyerId)));
  assert.deepEqual(
    await Promise.all(alone),
    times(limits.cartReadLanes, () => 2),
  );
  assert.deepEqual(await Promise.all(together), [2, '22003', 2, 0]);
});

test('when too many changes wait, more are refused; those that wait are decided', async () => {
  const { add, lock, first } = await openHeldCarts();
  const ann = await shop.buyer();
  const waiting = times(limits.cartQueueRequests, (index) => {
    return add(nobody + index, { productId: nobodysId });
  });
  assert.equal(await add(ann.id), tooBusy);
  await lock.release();
  assert.equal(await first, 1);
  const answers = new Set(await Promise.all(waiting));
  assert.deepEqual(answers, new Set([`Product ${nobodysId} not found`]));
  assert.deepEqual(await cartOf(shop, ann), []);
  assert.equal(await add(ann.id), 1);
});

test('a change that waited for too long is refused, not tried', async (t) => {
  const [ann, bob] = [await shop.buyer(), await shop.buyer()];
  const { add, lock, first } = await openHeldCarts();
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() });
  const late = add(ann.id);
  t.mock.timers.tick(limits.cartWaitMs + 1);
  const inTime = add(bob.id);
  await lock.release();
  assert.deepEqual(await Promise.all([first, late, inTime]), [1, tooBusy, 1]);
  t.mock.timers.reset();
  assert.deepEqual(await cartOf(shop, ann), []);
});
