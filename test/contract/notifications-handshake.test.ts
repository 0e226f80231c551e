import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, test } from 'node:test';
import { sql } from '../../src/kernel/db.ts';
import { type Json, jwtSecret, openShop, type TestShop, type User } from '../harness.ts';
import { closeCode, ordered, times } from '../shopping.ts';
import type { TestSocket } from '../socket.ts';

let shop: TestShop;
let seller: User;
let bell: Json;
before(async () => {
  shop = await openShop({ CORS_ORIGINS: 'https://shop.example,http://localhost:3000' });
  seller = await shop.seller();
  bell = await shop.product(seller, { stock: 1000 });
});
after(() => shop.close());

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

async function ticketOf(user: User): Promise<string> {
  const { status, body } = await shop.call('POST /auth/ws-ticket/', { token: user.access });
  assert.equal(status, 200);
  assert.deepEqual(Object.keys(body), ['ticket']);
  return body.ticket;
}

/** A token with other claims, signed as `key` would. */
function resigned(token: string, claims: object, key: string = jwtSecret): string {
  const [header, payload = ''] = token.split('.');
  const was = JSON.parse(Buffer.from(payload, 'base64url').toString());
  const now = Buffer.from(JSON.stringify({ ...was, ...claims })).toString('base64url');
  const signature = createHmac('sha256', key).update(`${header}.${now}`).digest('base64url');
  return `${header}.${now}.${signature}`;
}

/** Orders once, and every socket hears of that order first. */
async function hearsOfOrder(user: User, sockets: TestSocket[]): Promise<void> {
  const id = await ordered(shop, user, { product_id: bell.id });
  for (const socket of sockets) {
    const [message] = await socket.receive(1);
    assert.deepEqual([message.type, message.order_id], ['order.placed', id]);
    await socket.close();
  }
}

async function isRefused(path: string, headers: Record<string, string> = {}): Promise<void> {
  const socket = await shop.socket(path, headers);
  assert.equal(await closeCode(socket), 4401, path);
  assert.deepEqual(socket.messages, []);
}

test('a socket opens with the access token in the path, the query or a header', async () => {
  const buyer = await shop.buyer();
  const sockets = [];
  for (const prefix of ['', '/app']) {
    const base = `${prefix}/ws/notifications`;
    for (const path of [
      `${base}/${buyer.access}/`,
      `${base}/${buyer.access}`,
      `${base}/?token=${buyer.access}`,
      `${base}?token=${buyer.access}`,
      `${base}/?after=0&token=${buyer.access}`,
    ]) {
      sockets.push(await shop.socket(path));
    }
    for (const path of [`${base}/`, base]) {
      sockets.push(await shop.socket(path, bearer(buyer.access)));
      sockets.push(await shop.socket(path, { Authorization: `bearer ${buyer.access}` }));
    }
  }
  await hearsOfOrder(buyer, sockets);
});

test('sellers and operators open sockets too', async () => {
  const operator = await shop.operator();
  const socket = await shop.socket(`/ws/notifications/${operator.access}/`);
  await assert.rejects(socket.receive(1, 200), { message: '0 of 1 messages came' });
  await socket.close();
  const ofSeller = await shop.socket(`/ws/notifications/${seller.access}/`);
  await hearsOfOrder(await shop.buyer(), [ofSeller]);
});

test('a ticket stands in for the token, in either place', async () => {
  const buyer = await shop.buyer();
  await hearsOfOrder(buyer, [
    await shop.socket(`/ws/notifications/${await ticketOf(buyer)}/`),
    await shop.socket(`/ws/notifications/?token=${await ticketOf(buyer)}`),
    await shop.socket(`/app/ws/notifications?token=${await ticketOf(buyer)}`),
  ]);
});

test('a ticket opens one socket, even when many try at once', async () => {
  const buyer = await shop.buyer();
  const ticket = await ticketOf(buyer);
  const first = await shop.socket(`/ws/notifications/${ticket}/`);
  await hearsOfOrder(buyer, [first]);
  await isRefused(`/ws/notifications/${ticket}/`);
  await isRefused(`/ws/notifications/?token=${ticket}`);

  const path = `/ws/notifications/?token=${await ticketOf(buyer)}`;
  const sockets = await Promise.all(times(10, () => shop.socket(path)));
  const id = await ordered(shop, buyer, { product_id: bell.id });
  const outcomes = await Promise.all(
    sockets.map((socket) =>
      Promise.race([closeCode(socket), socket.receive(1).then(([{ order_id }]) => order_id)]),
    ),
  );
  assert.deepEqual(
    outcomes.filter((outcome) => outcome !== 4401),
    [id],
  );
  for (const socket of sockets) await socket.close();
});

test('a ticket lasts 30 seconds, and not longer than its session', async () => {
  const buyer = await shop.buyer();
  const late = await ticketOf(buyer);
  const [left] = await shop.context.db.rows<{ seconds: number }>(sql`
    SELECT extract(epoch FROM expires_at - now())::float8 AS seconds FROM socket_tickets
    ORDER BY expires_at DESC LIMIT 1`);
  assert.ok(left && left.seconds > 25 && left.seconds <= 30, `${left?.seconds} s`);
  await shop.context.db.rows(sql`UPDATE socket_tickets SET expires_at = now()`);
  await isRefused(`/ws/notifications/${late}/`);

  const orphan = await ticketOf(buyer);
  await shop.call('POST /auth/logout/', { token: buyer.access });
  await isRefused(`/ws/notifications/${orphan}/`);
});

test('only the signed in get a ticket', async () => {
  const refused = await shop.call('POST /auth/ws-ticket/');
  assert.equal(refused.status, 401);
  assert.deepEqual(refused.body, { detail: 'Authentication credentials were not provided.' });
  const user = await shop.buyer();
  assert.equal((await shop.call('POST /auth/ws-ticket/', { token: user.refresh })).status, 401);
});

test('nothing else opens a socket: it is closed with 4401', async () => {
  const [buyer, gone] = [await shop.buyer(), await shop.buyer()];
  await shop.call('POST /auth/logout/', { token: gone.access });
  const hourAgo = Math.floor(Date.now() / 1000) - 3600;
  const credentials = {
    'a refresh token': buyer.refresh,
    'an expired token': resigned(buyer.access, { iat: hourAgo - 60, exp: hourAgo }),
    "somebody's own signature": resigned(
      buyer.access,
      {},
      'a secret that is not the one of the shop',
    ),
    "another user's id": resigned(buyer.access, { user_id: gone.id }),
    'no signature': `${buyer.access.split('.').slice(0, 2).join('.')}.`,
    'the token of an ended session': gone.access,
    'a word': 'garbage',
    'three words': 'a.b.c',
    'a long word': 'x'.repeat(5_000),
    'an odd word': '%00',
  };
  for (const [what, credential] of Object.entries(credentials)) {
    await test(what, async () => {
      await isRefused(`/ws/notifications/${credential}/`);
      await isRefused(`/ws/notifications/?token=${credential}`);
      if (credential !== '%00') await isRefused('/ws/notifications/', bearer(credential));
    });
  }
  for (const path of ['/ws/notifications/', '/ws/notifications', '/ws/notifications/?token=']) {
    await isRefused(path);
    await isRefused(path, { authorization: `Basic ${buyer.access}` });
  }
});

test('a page of another origin is closed with 4403, ours and the allowed are not', async () => {
  const buyer = await shop.buyer();
  const path = `/ws/notifications/${buyer.access}/`;
  const { host } = new URL(shop.url);
  const foreign = ['https://evil.example', 'null', 'https://shop.example.evil.example', 'nonsense'];
  for (const origin of [...foreign, 'http://shop.example', `http://${host}.evil.example`]) {
    const socket = await shop.socket(path, { origin });
    assert.equal(await closeCode(socket), 4403, origin);
    assert.deepEqual(socket.messages, []);
  }
  const sockets = [];
  for (const origin of ['https://shop.example', 'http://localhost:3000', shop.url]) {
    sockets.push(await shop.socket(path, { origin }));
  }
  await hearsOfOrder(buyer, sockets);
});

for (const path of [
  '/',
  '/ws/',
  '/ws/other/',
  '/ws/notifications/a/b/',
  '/other/ws/notifications/',
]) {
  test(`there is no socket at ${path}`, async () => {
    const { access } = await shop.buyer();
    await assert.rejects(shop.socket(`${path}?token=${access}`, bearer(access)), {
      message: 'Unexpected server response: 404',
    });
  });
}
