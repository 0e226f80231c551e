import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Json, openShop, type TestNode, type TestShop, type User } from '../harness.ts';
import { closeCode, countStatuses, times, within } from '../shopping.ts';

let shop: TestShop;
let other: TestNode;
before(async () => {
  shop = await openShop();
  other = await shop.node({ RATE_LIMITS: 'on' });
});
after(() => shop.close());

const next = 'a new and quiet river';
const route = 'POST /auth/change-password/';

const change = async (token: string, body: object, node: TestNode = shop): Promise<Json[]> => {
  const answer = await node.call(route, { token, body });
  return [answer.status, answer.body];
};
const logIn = async ({ email }: User, password: string): Promise<Json> =>
  (await shop.call('POST /auth/login/', { body: { email, password } })).body;
const isIn = async (token: string, node: TestNode = shop): Promise<boolean> =>
  (await node.call('GET /list-category/', { token })).status === 200;

test('the new password counts at once and the old one no more', async () => {
  const user = await shop.buyer();
  const body = { current_password: user.password, new_password: next };
  assert.deepEqual(await change(user.access, body), [200, { message: 'Password changed.' }]);
  const error = 'Invalid email or password.';
  assert.deepEqual(await logIn(user, user.password), { error });
  assert.ok(await isIn((await logIn(user, next)).access));
});

test('it ends the other sessions of the user, on every node, and no others', async () => {
  const [user, stranger] = [await shop.buyer(), await shop.buyer()];
  const there = await logIn(user, user.password);
  assert.ok(await isIn(there.access, other));
  const closing = await shop.socket(`/ws/notifications/${there.access}/`);
  const body = { current_password: user.password, new_password: next };
  assert.equal((await change(user.access, body))[0], 200);
  assert.equal(await closeCode(closing), 4401);
  for (const node of [shop, other]) {
    await within(1_000, async () => assert.equal(await isIn(there.access, node), false));
  }
  const renewal = { body: { refresh: there.refresh } };
  assert.equal((await shop.call('POST /auth/get-access-token/', renewal)).status, 400);
  assert.ok(await isIn(user.access), 'the session that changed it goes on');
  assert.ok(await isIn(stranger.access));
});

test('without the right current password nothing changes', async () => {
  const user = await shop.buyer();
  const there = await logIn(user, user.password);
  const wrong = [`${user.password} `, user.password.toUpperCase(), '', next];
  for (const current_password of wrong) {
    const [status, errors] = await change(user.access, { current_password, new_password: next });
    assert.deepEqual([status, Object.keys(errors)], [400, ['current_password']]);
  }
  assert.ok(await isIn(there.access));
  assert.ok((await logIn(user, user.password)).access);
});

test('the new password keeps the rules of registration, all fields are asked', async () => {
  const user = await shop.buyer();
  const faults: [new_password: string, message: string][] = [
    ['short', 'This password is too short. It must contain at least 8 characters.'],
    ['password1', 'This password is too common.'],
    ['x'.repeat(129), 'Ensure this field has no more than 128 characters.'],
  ];
  for (const [new_password, message] of faults) {
    const body = { current_password: user.password, new_password };
    assert.deepEqual(await change(user.access, body), [400, { new_password: [message] }]);
  }
  const required = ['This field is required.'];
  const missing = { current_password: required, new_password: required };
  assert.deepEqual(await change(user.access, {}), [400, missing]);
  assert.ok((await logIn(user, user.password)).access);
});

test('of several changes at once one wins, and its password is the password', async () => {
  const user = await shop.buyer();
  const tries = times(6, (index) => `${next} ${index}`);
  const answers = await Promise.all(
    tries.map((new_password) =>
      shop.call(route, {
        token: user.access,
        body: { current_password: user.password, new_password },
      }),
    ),
  );
  assert.deepEqual(countStatuses(answers), { 200: 1, 400: 5 });
  const winner = tries[answers.findIndex(({ status }) => status === 200)] ?? '';
  assert.ok((await logIn(user, winner)).access);
});

test('who holds a token cannot try passwords with it for long', async () => {
  const user = await shop.buyer();
  const body = { current_password: 'a wrong guess', new_password: next };
  const answers = [];
  for (let guess = 0; guess < 12; guess += 1) answers.push(await change(user.access, body, other));
  assert.equal(answers.filter(([status]) => status === 400).length, 10);
  const right = { current_password: user.password, new_password: next };
  assert.equal((await change(user.access, right, other))[0], 429);
});
