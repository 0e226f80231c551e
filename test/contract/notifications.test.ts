import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { type Json, openShop, type TestShop, type User } from '../harness.ts';
import { addToCart, everything, moved, order, orderCart, ordered } from '../shopping.ts';
import { nobodysId, setStatus, times } from '../shopping.ts';

let shop: TestShop;
let seller: User;
let bell: Json;
before(async () => {
  shop = await openShop();
  seller = await shop.seller();
  bell = await shop.product(seller, { stock: 1_000_000 });
});
after(() => shop.close());
afterEach(async () => assert.deepEqual(await shop.violations(), []));

const listen = (user: User, query = '') => shop.socket(`/ws/notifications/${user.access}/${query}`);
const offsetsOf = (messages: Json[]): number[] => messages.map(({ offset }) => offset);
const oneTo = (last: number): number[] => times(last, (index) => index + 1);
const orderBell = (buyer: User) => ordered(shop, buyer, { product_id: bell.id });

/** That nothing but the first `count` messages came, shown by what comes next. */
async function nothingElseCame(
  buyer: User,
  socket: { receive(n: number): Promise<Json[]> },
  count: number,
) {
  const id = await orderBell(buyer);
  const messages = await socket.receive(count + 1);
  assert.equal(messages.at(-1).order_id, id);
}

test('the buyer and the seller are told of an order, the buyer of every step', async () => {
  const [buyer, maker] = [await shop.buyer(), await shop.seller()];
  const { id: product_id } = await shop.product(maker);
  const [ofBuyer, ofSeller] = [await listen(buyer), await listen(maker)];
  const id = await ordered(shop, buyer, { product_id });
  await moved(shop, maker, { id, to: ['shipped', 'delivered'] });
  const told = await ofBuyer.receive(3);
  const sold = await ofSeller.receive(1);
  const placed = { type: 'order.placed', order_id: id, status: 'pending' };
  const step = { type: 'order.status_updated', order_id: id };
  const expected = [
    { ...placed, offset: 1, message: `Your order ${id} has been placed` },
    { ...step, offset: 2, status: 'shipped', message: `Your order ${id} is now shipped` },
    { ...step, offset: 3, status: 'delivered', message: `Your order ${id} is now delivered` },
    { ...placed, offset: 1, message: `You have a new order ${id}` },
  ];
  const all = [...told, ...sold];
  assert.deepEqual(
    all,
    expected.map((fields, index) => ({
      ...fields,
      id: all[index].id,
      created_at: all[index].created_at,
    })),
  );
  assert.equal(new Set(all.map((message) => message.id)).size, 4);
  for (const { id, created_at } of all) {
    assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.match(created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  }
  await Promise.all([ofBuyer.close(), ofSeller.close()]);
});

test('each seller of a checkout is told of its own order, the buyer of all', async () => {
  const [buyer, other, third] = [await shop.buyer(), await shop.seller(), await shop.seller()];
  const vase = await shop.product(other);
  const sockets = [await listen(buyer), await listen(other), await listen(third)] as const;
  await addToCart(shop, buyer, { product_id: bell.id });
  await addToCart(shop, buyer, { product_id: vase.id });
  const { body } = await orderCart(shop, buyer);
  const told = await sockets[0].receive(2);
  assert.deepEqual(offsetsOf(told), [1, 2]);
  assert.deepEqual(
    told.map(({ order_id }) => order_id),
    body.order_ids,
  );
  const [sale] = await sockets[1].receive(1);
  assert.equal(sale.order_id, body.order_ids[1]);
  await assert.rejects(sockets[1].receive(2, 100), { message: '1 of 2 messages came' });
  await assert.rejects(sockets[2].receive(1, 100), { message: '0 of 1 messages came' });
  for (const socket of sockets) await socket.close();
});

test('a refusal tells nobody', async () => {
  const buyer = await shop.buyer();
  const socket = await listen(buyer);
  const id = await orderBell(buyer);
  await socket.receive(1);
  const before = await everything(shop);
  await order(shop, buyer, [{ product_id: bell.id }, { product_id: nobodysId }]);
  await order(shop, buyer, []);
  await setStatus(shop, seller, { order_id: id, status: 'delivered' });
  await setStatus(shop, seller, { order_id: id, status: 'pending' });
  await setStatus(shop, buyer, { order_id: id, status: 'shipped' });
  assert.deepEqual(await everything(shop), before);
  await nothingElseCame(buyer, socket, 1);
  await socket.close();
});

test('offsets count up by one for each user, whatever happens at once', async () => {
  const buyers = await Promise.all(times(4, () => shop.buyer()));
  const sockets = await Promise.all(buyers.map((buyer) => listen(buyer, '?after=0')));
  const ids = await Promise.all(times(40, (index) => orderBell(buyers[index % 4] as User)));
  await Promise.all(ids.map((id) => moved(shop, seller, { id, to: ['shipped'] })));
  for (const socket of sockets) {
    assert.deepEqual(offsetsOf(await socket.receive(20)), oneTo(20));
    await socket.close();
  }
});

test('?after= replays everything newer, and no more', async () => {
  const buyer = await shop.buyer();
  const ids = [await orderBell(buyer), await orderBell(buyer)];
  for (const id of ids) await moved(shop, seller, { id, to: ['shipped'] });
  const first = await listen(buyer, '?after=0');
  const all = await first.receive(4);
  assert.deepEqual(offsetsOf(all), [1, 2, 3, 4]);
  for (const after of [0, 1, 3]) {
    const socket = await listen(buyer, `?after=${after}`);
    const newer = await socket.receive(4 - after);
    assert.deepEqual(newer, all.slice(after)); // the same fields, ids and times as before
    await socket.close();
  }
  const upToDate = await listen(buyer, '?after=4');
  const [next] = [await orderBell(buyer)];
  assert.deepEqual(
    (await upToDate.receive(1)).map(({ offset, order_id }) => [offset, order_id]),
    [[5, next]],
  );
  await Promise.all([first.close(), upToDate.close()]);
});

for (const query of [
  '',
  '?after=',
  '?after=abc',
  '?after=-1',
  '?after=1.5',
  '?after=99',
  '?after=1e3',
]) {
  test(`"${query}" begins with what happens from now on`, async () => {
    const buyer = await shop.buyer();
    await orderBell(buyer);
    await orderBell(buyer);
    const socket = await listen(buyer, query);
    await assert.rejects(socket.receive(1, 50), { message: '0 of 1 messages came' });
    const id = await orderBell(buyer);
    const [message] = await socket.receive(1);
    assert.deepEqual([message.offset, message.order_id], [3, id]);
    await socket.close();
  });
}

test('a replay runs into the live messages without a gap or a double', async () => {
  const buyer = await shop.buyer();
  const vases = await Promise.all(times(5, async () => shop.product(await shop.seller())));
  const lines = [bell, ...vases].map(({ id }) => ({ product_id: id }));
  for (const { id } of vases) await restock(id);
  const shopping = Promise.all(times(60, () => order(shop, buyer, lines))); // 360 messages
  const sockets = [];
  for (let count = 0; count < 8; count += 1) {
    sockets.push(await listen(buyer, '?after=0'));
    await sockets[0]?.receive(count * 30 + 1);
  }
  await shopping;
  for (const socket of sockets) {
    assert.deepEqual(offsetsOf(await socket.receive(360)), oneTo(360));
  }
  await nothingElseCame(buyer, sockets[0] as (typeof sockets)[0], 360);
  for (const socket of sockets) await socket.close();
});

async function restock(id: string): Promise<void> {
  const operator = await shop.operator();
  await shop.call('PATCH /product/', { token: operator.access, body: { id, stock: 1000 } });
}

test('every socket of a user hears everything, and those of others nothing', async () => {
  const [buyer, stranger] = [await shop.buyer(), await shop.buyer()];
  const [one, two, foreign] = [await listen(buyer), await listen(buyer), await listen(stranger)];
  await orderBell(buyer);
  await orderBell(buyer);
  assert.deepEqual(await one.receive(2), await two.receive(2));
  await one.close();
  await orderBell(buyer);
  assert.deepEqual(offsetsOf(await two.receive(3)), [1, 2, 3]);
  const id = await orderBell(stranger);
  const [heard] = await foreign.receive(1);
  assert.deepEqual([heard.offset, heard.order_id], [1, id]);
  await Promise.all([two.close(), foreign.close()]);
});
