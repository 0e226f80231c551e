import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { sql } from '../../src/kernel/db.ts';
import { type Json, openShop, type TestShop, type User } from '../harness.ts';
import { closeCode, ordered, times, within } from '../shopping.ts';
import type { TestSocket } from '../socket.ts';

let shop: TestShop;
let bell: Json;
before(async () => {
  shop = await openShop();
  bell = await shop.product(await shop.seller(), { stock: 1000 });
});
after(() => shop.close());

const listen = (user: User, query = '') => shop.socket(`/ws/notifications/${user.access}/${query}`);

async function logIn({ email, password }: User): Promise<User> {
  const { body } = await shop.call('POST /auth/login/', { body: { email, password } });
  return { id: 0, email, password, access: body.access, refresh: body.refresh };
}

/** It hears of an order: so it is still open. */
async function isLive(socket: TestSocket, buyer: User): Promise<void> {
  const id = await ordered(shop, buyer, { product_id: bell.id });
  await within(3_000, async () => {
    assert.equal(socket.messages.at(-1)?.order_id, id);
  });
}

/** The code that all of the sockets are closed with, and how long it took. */
async function closedSince(began: number, sockets: TestSocket[]): Promise<(number | string)[]> {
  const codes = await Promise.all(sockets.map(closeCode));
  const took = Date.now() - began;
  assert.ok(took < 1_000, `closed after ${took} ms`);
  return codes;
}

test('a socket that is open hears everything from then on', async () => {
  const buyers = await Promise.all(times(8, () => shop.buyer()));
  await Promise.all(
    buyers.map(async (buyer) => {
      const sockets = await Promise.all(times(5, () => listen(buyer)));
      const id = await ordered(shop, buyer, { product_id: bell.id });
      for (const socket of sockets) {
        const [message] = await socket.receive(1);
        assert.deepEqual([message.offset, message.order_id], [1, id]);
        await socket.close();
      }
    }),
  );
});

test('a logout closes the sockets of its session within a second, and no others', async () => {
  const buyer = await shop.buyer();
  const phone = await logIn(buyer);
  const { body } = await shop.call('POST /auth/ws-ticket/', { token: buyer.access });
  const ended = [
    await listen(buyer),
    await shop.socket('/ws/notifications/', { authorization: `Bearer ${buyer.access}` }),
    await shop.socket(`/ws/notifications/?token=${body.ticket}`),
  ];
  const stays = await listen(phone);
  for (const socket of [...ended, stays]) await isLive(socket, buyer);

  const began = Date.now();
  await shop.call('POST /auth/logout/', { token: buyer.access });
  assert.deepEqual(await closedSince(began, ended), [4401, 4401, 4401]);
  await isLive(stays, phone);
  const again = await listen(buyer);
  assert.equal(await closeCode(again), 4401);
  await stays.close();
});

test('a logout with the refresh token of another session of the user ends that too', async () => {
  const buyer = await shop.buyer();
  const phone = await logIn(buyer);
  const sockets = [await listen(buyer), await listen(phone)];
  for (const socket of sockets) await isLive(socket, buyer);
  const began = Date.now();
  await shop.call('POST /auth/logout/', { token: buyer.access, body: { refresh: phone.refresh } });
  assert.deepEqual(await closedSince(began, sockets), [4401, 4401]);
});

test('a socket cut while it opens, or before a message comes, harms nobody', async () => {
  const buyer = await shop.buyer();
  const stays = await listen(buyer);
  const sockets = await Promise.all(times(20, () => listen(buyer, '?after=0')));
  for (const socket of sockets) socket.raw.terminate();
  await isLive(stays, buyer);
  await stays.close();
});

test('a client may chat a little, but a large message closes its socket', async () => {
  const buyer = await shop.buyer();
  const socket = await listen(buyer);
  for (const chat of ['hello', '{"type":"subscribe"}', Buffer.from([0, 255]), '']) {
    socket.raw.send(chat);
  }
  await isLive(socket, buyer);
  socket.raw.send('x'.repeat(4 * 1024));
  await isLive(socket, buyer);

  const other = await listen(buyer);
  socket.raw.send('x'.repeat(4 * 1024 + 1));
  const closed = await closeCode(socket);
  assert.ok(
    [1006, 1009].some((code) => code === closed),
    `${closed}`,
  );
  await isLive(other, buyer);
  await other.close();
});

test('the eldest socket makes way when a user opens more than 50', async () => {
  const buyer = await shop.buyer();
  const sockets = [];
  for (let count = 0; count < 50; count += 1) sockets.push(await listen(buyer));
  await isLive(sockets[0] as TestSocket, buyer);
  sockets.push(await listen(buyer));
  assert.equal(await closeCode(sockets[0] as TestSocket), 4409);
  await isLive(sockets[50] as TestSocket, buyer);
  for (const socket of sockets) assert.equal(socket === sockets[0], socket.raw.readyState === 3);
  await Promise.all(sockets.map((socket) => socket.close()));
});

/** Messages of 4 kB: many more bytes than the system buffers between two sockets. */
async function writeLongMessages(user: User, count: number): Promise<void> {
  const order_id = await ordered(shop, user, { product_id: bell.id });
  await shop.context.db.transaction(async (tx) => {
    tx.send(sql`
      INSERT INTO notifications (user_id, stream_offset, id, type, order_id, status, message)
      SELECT ${user.id}, last_offset + i, gen_random_uuid(), 'order.placed', ${order_id},
        'pending', repeat('x', 4000)
      FROM streams, generate_series(1, ${count}) i WHERE user_id = ${user.id}`);
    tx.send(sql`
      UPDATE streams SET last_offset = last_offset + ${count} WHERE user_id = ${user.id}`);
  });
}

test('a reader that pauses is not sent more than a little, and loses nothing', async () => {
  const [buyer, other] = [await shop.buyer(), await shop.buyer()];
  const [slow, prompt] = [await listen(buyer), await listen(buyer)];
  const elsewhere = await listen(other);
  slow.raw.pause();
  await writeLongMessages(buyer, 8_000);
  const all = await prompt.receive(8_001, 20_000);
  assert.deepEqual(
    all.map(({ offset }) => offset),
    times(8_001, (index) => index + 1),
  );
  await isLive(elsewhere, other);
  const { length } = slow.messages;
  assert.ok(length <= 1, `${length} messages came while it paused`);

  const memory = await sentBytes();
  assert.ok(memory < 32_000_000 + 16_000_000, `${memory} bytes were written`);
  slow.raw.resume();
  assert.deepEqual(await slow.receive(8_001, 20_000), all);
  await isLive(slow, buyer);
  for (const socket of [slow, prompt, elsewhere]) await socket.close();
});

async function sentBytes(): Promise<number> {
  const { text } = await shop.call('GET /metrics');
  const sent = /^souk_notifications_sent_total (\d+)$/m.exec(text)?.[1];
  return Number(sent) * 4_200;
}
