import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { sql } from '../../src/kernel/db.ts';
import { forgeToken } from '../contract/accounts-tokens.ts';
import type { Json, User } from '../harness.ts';
import { closeCode, moved, nobodysId, ordered } from '../shopping.ts';
import type { TestSocket } from '../socket.ts';
import { type Caller, callers, World } from './route-world.ts';

// The streams of notifications are not in the document of the API: nobody hears of anything but
// the own orders, whatever a handshake or a message asks for.

let world: World;
let products: Json[];
before(async () => {
  world = await World.open();
  const sellers = [userOf('seller'), userOf('otherSeller'), userOf('operator')];
  products = await Promise.all(sellers.map((one) => world.shop.product(one, { stock: 1_000 })));
  await news();
});
after(() => world.shop.close());

const people = callers.filter((caller) => caller !== 'anonymous');

function userOf(caller: Caller): User {
  const user = world.userOf(caller);
  assert.ok(user);
  return user;
}

/** Something happens to everybody: orders of both buyers from all sellers, one of them shipped. */
async function news(): Promise<void> {
  const lines = products.map(({ id }) => ({ product_id: id }));
  const id = await ordered(world.shop, userOf('buyer'), ...lines.slice(0, 1));
  await moved(world.shop, userOf('seller'), { id, to: ['shipped'] });
  await ordered(world.shop, userOf('otherBuyer'), ...lines.slice(1));
}

/** The ids of all that a user may hear, as the table has them. */
async function streamOf({ id }: User): Promise<string[]> {
  const rows = await world.shop.context.db.rows<{ id: string }>(sql`
    SELECT id FROM notifications WHERE user_id = ${id} ORDER BY stream_offset`);
  return rows.map((row) => row.id);
}

const ticketOf = async ({ access }: User): Promise<string> =>
  (await world.shop.call('POST /auth/ws-ticket/', { token: access })).body.ticket;
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

/** The socket brings the whole stream of this user and nothing else. */
async function follows(socket: TestSocket, user: User, where: string): Promise<void> {
  const stream = await streamOf(user);
  const messages = await socket.receive(stream.length);
  assert.deepEqual(
    messages.map(({ id }) => id),
    stream,
    where,
  );
  assert.equal(socket.messages.length, stream.length, where);
}

/** Ways to ask for the stream of somebody else. */
const demands = ({ id, email, access }: User): string[] => [
  `user_id=${id}`,
  `user=${id}`,
  `email=${email}`,
  `user_id=${id}&user_id[]=${id}`,
  `stream=${id}&channel=${id}`,
  `sub=${id}&session_id=${nobodysId}`,
  `__proto__[user_id]=${id}`,
  `token=${access.split('.')[1]}`,
];

for (const caller of people) {
  test(`${caller} hears the own stream alone, by whichever credential and demand`, async () => {
    const user = userOf(caller);
    const victim = userOf(caller === 'buyer' ? 'otherBuyer' : 'buyer');
    const opened: [string, TestSocket][] = [];
    const open = async (path: string, headers: Record<string, string> = {}): Promise<void> => {
      opened.push([path, await world.shop.socket(path, headers)]);
    };
    for (const demand of demands(victim)) {
      await open(`/ws/notifications/${user.access}/?after=0&${demand}`);
      await open(`/app/ws/notifications/?after=0&token=${user.access}&${demand}`);
      if (!demand.startsWith('token=')) {
        await open(`/ws/notifications/?after=0&${demand}`, bearer(user.access));
      }
    }
    await open(`/ws/notifications/${await ticketOf(user)}/?after=0&user_id=${victim.id}`);
    await open(`/ws/notifications/?after=0&token=${await ticketOf(user)}&user=${victim.id}`);
    for (const [path, socket] of opened) await follows(socket, user, path);

    for (const [, { raw }] of opened) {
      const { id } = victim;
      raw.send(JSON.stringify({ type: 'subscribe', user_id: id, stream: id, after: 0 }));
      raw.send(JSON.stringify({ action: 'replay', user: { id }, offset: 0 }));
    }
    await news();
    for (const [path, socket] of opened) await follows(socket, user, path);
    await Promise.all(opened.map(([, socket]) => socket.close()));
  });
}

test('of two credentials the one of the address counts, and it brings its own stream', async () => {
  const [user, victim] = [userOf('otherBuyer'), userOf('buyer')];
  const pairs: [path: string, header: string][] = [
    [`/ws/notifications/${user.access}/?after=0`, victim.access],
    [`/ws/notifications/?after=0&token=${user.access}`, victim.access],
    [`/ws/notifications/${user.access}/?after=0&token=${victim.access}`, victim.access],
    [`/ws/notifications/?after=0&token=${user.access}&token=${victim.access}`, victim.access],
  ];
  for (const [path, header] of pairs) {
    const socket = await world.shop.socket(path, bearer(header));
    await follows(socket, user, path);
    await socket.close();
  }
});

test('after= of any size shows nobody more than the own stream', async () => {
  const user = userOf('otherBuyer');
  const whole = await streamOf(user);
  for (const after of ['0', '-1', '1', '1e0', '0x0', '00', '999999999999999', '', 'x', '1.5']) {
    const socket = await world.shop.socket(`/ws/notifications/${user.access}/?after=${after}`);
    await news();
    const stream = await streamOf(user);
    const messages = await socket.receive(stream.length - whole.length);
    const ids: string[] = messages.map(({ id }) => id);
    assert.ok(
      ids.every((id) => stream.includes(id)),
      after,
    );
    whole.splice(0, Infinity, ...stream);
    await socket.close();
  }
});

test('a token with somebody else in it opens nothing', async () => {
  const [user, victim] = [userOf('otherBuyer'), userOf('buyer')];
  const [, claims = ''] = victim.access.split('.');
  const { session_id } = JSON.parse(Buffer.from(claims, 'base64url').toString());
  const forgeries = {
    'the id of the other, own session': { user_id: victim.id },
    'the session of the other, own id': { session_id },
    'a role': { user_id: victim.id, role: 'operator', is_staff: true },
  };
  for (const [what, changed] of Object.entries(forgeries)) {
    // Even signed with the shop's own key.
    const token = forgeToken(user.access, { claims: changed });
    for (const path of [`/ws/notifications/${token}/`, `/ws/notifications/?token=${token}`]) {
      const socket = await world.shop.socket(`${path}${path.includes('?') ? '&' : '?'}after=0`);
      assert.equal(await closeCode(socket), 4401, what);
      assert.deepEqual(socket.messages, []);
    }
  }
});

test('a role or a name in a token is nothing: the database says who somebody is', async () => {
  const user = userOf('otherBuyer');
  const claims = { role: 'operator', is_staff: true, is_superuser: true, user_type: 'creator' };
  const token = forgeToken(user.access, { claims });
  const routes = ['POST /category/', 'PATCH /update-order-status/', 'DELETE /delete-product/?id=x'];
  for (const route of routes) {
    assert.equal((await world.shop.call(route, { token, body: {} })).status, 403, route);
  }
  const socket = await world.shop.socket(`/ws/notifications/${token}/?after=0`);
  await follows(socket, user, 'with a role');
  await socket.close();
});
