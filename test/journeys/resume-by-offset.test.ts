import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Json, openShop, type TestNode, type TestShop, type User } from '../harness.ts';
import { closeCode, moved, ordered, ordersOf, times } from '../shopping.ts';

let shop: TestShop;
let seller: User;
let bell: Json;
before(async () => {
  shop = await openShop();
  seller = await shop.seller();
  bell = await shop.product(seller, { stock: 1000 });
});
after(async () => {
  assert.deepEqual(await shop.violations(), []);
  await shop.close();
});

const follow = (node: TestNode, user: User, offset: number) =>
  node.socket(`/ws/notifications/${user.access}/?after=${offset}`);
const orderBell = (buyer: User) => ordered(shop, buyer, { product_id: bell.id });

test('a phone that loses its line in the middle of it all misses nothing', async () => {
  const buyer = await shop.buyer();
  const seen: Json[] = [];
  const shopping = (async () => {
    for (let count = 0; count < 40; count += 1) {
      await moved(shop, seller, { id: await orderBell(buyer), to: ['shipped', 'delivered'] });
    }
  })();
  // The line breaks after every few messages; the phone connects again with what it saw last.
  while (seen.length < 120) {
    const socket = await follow(shop, buyer, seen.at(-1)?.offset ?? 0);
    await socket.receive(Math.min(17, 120 - seen.length), 10_000);
    socket.raw.terminate();
    seen.push(...socket.messages);
  }
  await shopping;
  assert.deepEqual(
    seen.map(({ offset }) => offset),
    times(120, (index) => index + 1),
  );
  const orders = (await ordersOf(shop, buyer)).toReversed();
  assert.deepEqual(
    seen.map(({ order_id, status }) => [order_id, status]),
    orders.flatMap(({ id }) => ['pending', 'shipped', 'delivered'].map((step) => [id, step])),
  );
});

test('who was away for long is told all of it at the next visit, then goes on live', async () => {
  const buyer = await shop.buyer();
  const socket = await follow(shop, buyer, 0);
  const first = await orderBell(buyer);
  await socket.receive(1);
  await socket.close();

  const second = await orderBell(buyer);
  await moved(shop, seller, { id: first, to: ['shipped', 'delivered'] });
  const back = await follow(shop, buyer, 1);
  await back.receive(3);
  await moved(shop, seller, { id: second, to: ['shipped'] });
  assert.deepEqual(
    (await back.receive(4)).map(({ offset, order_id, status }) => [offset, order_id, status]),
    [
      [2, second, 'pending'],
      [3, first, 'shipped'],
      [4, first, 'delivered'],
      [5, second, 'shipped'],
    ],
  );
  await back.close();
});

test('when its node restarts a socket is told so, and resumes on another one', async () => {
  const buyer = await shop.buyer();
  const leaving = await shop.node();
  const socket = await follow(leaving, buyer, 0);
  await orderBell(buyer);
  await socket.receive(1);
  await leaving.app.close();
  assert.equal(await closeCode(socket), 1012);
  const id = await orderBell(buyer);
  const resumed = await follow(shop, buyer, socket.messages.at(-1).offset);
  const [message] = await resumed.receive(1);
  assert.deepEqual([message.offset, message.order_id], [2, id]);
  await resumed.close();
});
