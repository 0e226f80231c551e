import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import common from '../../src/features/accounts/common-passwords.json' with { type: 'json' };
import { openShop, type TestNode, type TestShop } from '../harness.ts';

let shop: TestShop;
let classic: TestNode;
before(async () => {
  shop = await openShop();
  classic = await shop.node({ PASSWORD_RULES: 'classic' });
});
after(() => shop.close());

let count = 0;
async function register(password: unknown, node: TestNode = shop) {
  count += 1;
  const email = `user${count}@example.com`;
  const body = { email, password, user_type: 'viewer' };
  const answer = await node.call('POST /auth/register-user/', { body });
  return { email, status: answer.status, body: answer.body };
}
const logIn = async (email: string, password: unknown): Promise<number> =>
  (await shop.call('POST /auth/login/', { body: { email, password } })).status;

const tooShort = 'This password is too short. It must contain at least 8 characters.';
const tooCommon = 'This password is too common.';
const tooLong = 'Ensure this field has no more than 128 characters.';

test('a password has at least 8 characters', async () => {
  for (const password of ['x', '1234567', '       ', 'kühl123', '😀'.repeat(4), 1_234_567]) {
    const { email, status, body } = await register(password);
    assert.deepEqual([status, body], [400, { password: [tooShort] }], String(password));
    assert.equal(await logIn(email, password), 400);
  }
});

test('a password is none of the 3,000 most common ones, in whatever case', async () => {
  assert.equal(common.passwords.length, 3_000);
  const [first = '', last = ''] = [common.passwords[0], common.passwords.at(-1)];
  for (const password of [first, last, 'PASSWORD', 'Football', 12_345_678, '12345678']) {
    const { email, status, body } = await register(password);
    assert.deepEqual([status, body], [400, { password: [tooCommon] }], String(password));
    assert.equal(await logIn(email, password), 400);
  }
});

test('a password has at most 128 characters, under both rules', async () => {
  for (const node of [shop, classic]) {
    for (const password of ['x'.repeat(129), '😀'.repeat(129)]) {
      const { status, body } = await register(password, node);
      assert.deepEqual([status, body], [400, { password: [tooLong] }]);
    }
    for (const password of ['x'.repeat(128), '😀'.repeat(128)]) {
      const { email, status } = await register(password, node);
      assert.equal(status, 201);
      assert.equal(await logIn(email, password), 200);
      assert.equal(await logIn(email, password.slice(0, -2)), 400);
    }
  }
});

test('a password of eight characters will do, of whatever alphabet', async () => {
  for (const password of ['vx7 kq2m', 'пароль-9', '鍵鍵鍵鍵鍵鍵鍵鍵', '😀😃😄😁😆😅😂🤣']) {
    const { email, status } = await register(password);
    assert.equal(status, 201, password);
    assert.equal(await logIn(email, password), 200);
  }
});

test('spaces in a password count, at registration and at login alike', async () => {
  const { email, status } = await register('  quiet river  ');
  assert.equal(status, 201);
  assert.equal(await logIn(email, '  quiet river  '), 200);
  for (const other of ['quiet river', '  quiet river', 'quiet river  ', '  quiet  river  ']) {
    assert.equal(await logIn(email, other), 400, JSON.stringify(other));
  }
  const spaces = await register('        ');
  assert.equal(spaces.status, 201);
  assert.equal(await logIn(spaces.email, '        '), 200);
  assert.equal(await logIn(spaces.email, '       '), 400);
});

test('the case of a password counts', async () => {
  const { email } = await register('Quiet River 9');
  assert.equal(await logIn(email, 'quiet river 9'), 400);
  assert.equal(await logIn(email, 'Quiet River 9'), 200);
});

test('a number is a password of its digits', async () => {
  const { email, status } = await register(7_390_512_846);
  assert.equal(status, 201);
  assert.equal(await logIn(email, '7390512846'), 200);
  assert.equal(await logIn(email, 7_390_512_846), 200);
});

test('with PASSWORD_RULES=classic anything of 1 to 128 characters will do', async () => {
  for (const password of ['x', ' ', '1234567', 'password', '12345678', 5]) {
    const { email, status } = await register(password, classic);
    assert.equal(status, 201, JSON.stringify(password));
    assert.equal(await logIn(email, password), 200, 'and it opens the account on every node');
  }
  const blank = await register('', classic);
  assert.deepEqual(
    [blank.status, blank.body],
    [400, { password: ['This field may not be blank.'] }],
  );
});

test('an answer never holds a password', async () => {
  const secret = 'a very quiet river 7';
  const { body } = await register(secret);
  assert.ok(!JSON.stringify(body).includes(secret));
  const refusedBody = (await register(`${secret}\0`)).body;
  assert.ok(!JSON.stringify(refusedBody).includes(secret));
});
