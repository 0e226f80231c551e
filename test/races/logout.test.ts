import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openShop, type TestNode, type TestShop, type User } from '../harness.ts';
import { closeCode, times, within } from '../shopping.ts';

let shop: TestShop;
let nodes: TestNode[];
before(async () => {
  shop = await openShop();
  nodes = [shop, await shop.node()];
});
after(() => shop.close());

const node = (index: number): TestNode => nodes[index % 2] as TestNode;

const invalid = {
  detail: 'Given token not valid for any token type',
  code: 'token_not_valid',
  messages: [{ token_class: 'AccessToken', token_type: 'access', message: 'Token is invalid' }],
};

/** Neither token of the session is worth anything, on any node. */
async function isOver({ access, refresh }: User): Promise<void> {
  for (const one of nodes) {
    await within(1_000, async () => {
      const { status, body } = await one.call('GET /list-product/', { token: access });
      assert.deepEqual([status, body], [401, invalid]);
    });
    const refreshed = await one.call('POST /auth/get-access-token/', { body: { refresh } });
    assert.deepEqual([refreshed.status, refreshed.body], [400, { error: 'Token is blacklisted' }]);
  }
}

test('of ten refreshes at once each gives a token that works, until the logout', async () => {
  const user = await shop.buyer();
  const answers = await Promise.all(
    times(10, (index) =>
      node(index).call('POST /auth/get-access-token/', { body: { refresh: user.refresh } }),
    ),
  );
  const tokens = answers.map(({ body }) => body.access);
  assert.equal(new Set(tokens).size, 10);
  for (const [index, token] of tokens.entries()) {
    assert.equal((await node(index + 1).call('GET /cart/', { token })).status, 200);
  }
  await shop.call('POST /auth/logout/', { token: tokens[3] });
  for (const access of tokens) await isOver({ ...user, access });
});

test('of ten logouts at once each succeeds or finds the session ended', async () => {
  for (const sendRefresh of [true, false]) {
    const user = await shop.buyer();
    const body = sendRefresh ? { refresh: user.refresh } : {};
    const answers = await Promise.all(
      times(10, (index) => node(index).call('POST /auth/logout/', { token: user.access, body })),
    );
    const outcomes = answers.map(({ status, body }) => JSON.stringify([status, body]));
    const good = JSON.stringify([200, { message: 'Successfully logged out.' }]);
    const late = [
      JSON.stringify([401, invalid]),
      JSON.stringify([400, { error: 'Token is blacklisted' }]),
    ];
    assert.ok(outcomes.includes(good));
    assert.deepEqual(
      outcomes.filter((one) => one !== good && !late.includes(one)),
      [],
    );
    await isOver(user);
  }
});

test('two sessions that end each other are both over', async () => {
  const user = await shop.buyer();
  const { email, password } = user;
  const { body } = await shop.call('POST /auth/login/', { body: { email, password } });
  const phone = { ...user, access: body.access, refresh: body.refresh };
  await Promise.all([
    node(0).call('POST /auth/logout/', { token: user.access, body: { refresh: phone.refresh } }),
    node(1).call('POST /auth/logout/', { token: phone.access, body: { refresh: user.refresh } }),
  ]);
  await isOver(user);
  await isOver(phone);
});

test('a token refreshed while its session ends is worth nothing within a second', async () => {
  for (let round = 0; round < 5; round += 1) {
    const user = await shop.buyer();
    const refreshing = times(10, (index) =>
      node(index).call('POST /auth/get-access-token/', { body: { refresh: user.refresh } }),
    );
    await node(round).call('POST /auth/logout/', { token: user.access });
    const answers = await Promise.all(refreshing);
    for (const { status, body } of answers) {
      if (status === 200) await isOver({ ...user, access: body.access });
      else assert.deepEqual([status, body], [400, { error: 'Token is blacklisted' }]);
    }
    await isOver(user);
  }
});

test('sockets that open while the session ends are closed, or were never let in', async () => {
  for (let round = 0; round < 5; round += 1) {
    const user = await shop.buyer();
    const opening = times(8, (index) => node(index).socket(`/ws/notifications/${user.access}/`));
    await node(round).call('POST /auth/logout/', { token: user.access });
    const sockets = await Promise.all(opening);
    const codes = await Promise.all(sockets.map(closeCode));
    assert.deepEqual(
      codes,
      times(8, () => 4401),
    );
  }
});
