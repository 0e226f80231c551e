import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { sql } from '../../src/kernel/db.ts';
import { openShop, type TestShop, type User } from '../harness.ts';

let shop: TestShop;
before(async () => (shop = await openShop()));
after(() => shop.close());

async function ticketOf({ access }: { access: string }): Promise<string> {
  const { status, body } = await shop.call('POST /auth/ws-ticket/', { token: access });
  assert.equal(status, 200);
  assert.deepEqual(Object.keys(body), ['ticket']);
  assert.match(body.ticket, /^[\w-]{16,}$/);
  return body.ticket;
}
const logIn = async ({ email, password }: User): Promise<{ access: string }> =>
  (await shop.call('POST /auth/login/', { body: { email, password } })).body;
/** The code that a socket at this address is closed with. */
const refusal = async (path: string): Promise<number> => (await shop.socket(path)).closed;

test('a ticket opens one socket, in either place of the token', async () => {
  const user = await shop.buyer();
  for (const path of [
    '/ws/notifications/?token=',
    '/ws/notifications/',
    '/app/ws/notifications/',
  ]) {
    const ticket = await ticketOf(user);
    const socket = await shop.socket(path + ticket);
    socket.raw.ping();
    await new Promise((resolve) => socket.raw.once('pong', resolve));
    assert.equal(await refusal(path + ticket), 4401, 'it is used up');
    await socket.close();
  }
});

test('tickets differ', async () => {
  const user = await shop.buyer();
  const tickets = await Promise.all([1, 2, 3, 4].map(() => ticketOf(user)));
  assert.equal(new Set(tickets).size, 4);
});

test('a ticket that was opened twice at once opens one socket', async () => {
  const ticket = await ticketOf(await shop.buyer());
  const sockets = await Promise.all(
    [1, 2, 3].map(() => shop.socket(`/ws/notifications/${ticket}/`)),
  );
  const open = new Set(sockets);
  for (const socket of sockets) void socket.closed.then(() => open.delete(socket));
  const codes = await Promise.race([
    Promise.all(sockets.map((socket) => socket.closed)),
    ...sockets.map((kept) =>
      Promise.all(sockets.filter((socket) => socket !== kept).map((socket) => socket.closed)),
    ),
  ]);
  assert.deepEqual(codes, [4401, 4401]);
  assert.equal(open.size, 1);
  for (const socket of open) await socket.close();
});

test('a ticket is no access token', async () => {
  const ticket = await ticketOf(await shop.buyer());
  assert.equal((await shop.call('GET /cart/', { token: ticket })).status, 401);
});

test('a ticket lives for 30 seconds', async () => {
  const user = await shop.buyer();
  const ticket = await ticketOf(user);
  const { db } = shop.context;
  const [row] = await db.rows<{ seconds: number }>(sql`
    SELECT extract(epoch FROM t.expires_at - now())::float8 AS seconds
    FROM socket_tickets t JOIN sessions s ON s.id = t.session_id WHERE s.user_id = ${user.id}`);
  assert.ok(row && row.seconds > 20 && row.seconds <= 30);
  await db.rows(sql`UPDATE socket_tickets SET expires_at = expires_at - interval '30 seconds'`);
  assert.equal(await refusal(`/ws/notifications/${ticket}/`), 4401);
});

test('a ticket dies with its session', async () => {
  const user = await shop.buyer();
  const [ended, kept] = [await logIn(user), await logIn(user)];
  const ticket = await ticketOf(ended);
  await shop.call('POST /auth/logout/', { token: ended.access });
  assert.equal(await refusal(`/ws/notifications/${ticket}/`), 4401);
  assert.equal((await shop.call('POST /auth/ws-ticket/', { token: ended.access })).status, 401);
  await ticketOf(kept);
});

test('logging out closes the sockets of that session and no others', async () => {
  const user = await shop.buyer();
  const [ended, kept] = [await logIn(user), await logIn(user)];
  const closing = [
    await shop.socket(`/ws/notifications/${ended.access}/`),
    await shop.socket(`/ws/notifications/?token=${await ticketOf(ended)}`),
  ];
  const staying = await shop.socket(`/ws/notifications/${kept.access}/`);
  let isClosed = false;
  void staying.closed.then(() => (isClosed = true));

  const began = Date.now();
  await shop.call('POST /auth/logout/', { token: ended.access });
  for (const socket of closing) assert.equal(await socket.closed, 4401);
  assert.ok(Date.now() - began < 1_000);
  staying.raw.ping();
  await new Promise((resolve) => staying.raw.once('pong', resolve));
  assert.equal(isClosed, false);
  await staying.close();
});
