import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { type Json, openShop, type TestNode, type TestShop } from '../harness.ts';

let shop: TestShop;
let closed: TestNode;
before(async () => {
  shop = await openShop();
  closed = await shop.node({ SELLER_SIGNUP: 'closed' });
});
after(() => shop.close());

const register = (body: unknown, node: TestNode = shop) =>
  node.call('POST /auth/register-user/', { body });

let count = 0;
/** Fields that can be registered, with an email of their own. */
function newcomer(fields: object = {}): Json {
  count += 1;
  const usual = { email: `user${count}@example.com`, password: 'quiet river 9' };
  return { ...usual, user_type: 'viewer', ...fields };
}

/** Asserts that registering is refused with these errors, and that nobody was registered. */
async function refused(body: Json, errors: object): Promise<void> {
  const answer = await register(body);
  assert.deepEqual([answer.status, answer.body], [400, errors], JSON.stringify(body).slice(0, 200));
  const { email, password } = body;
  if (typeof email !== 'string' || typeof password !== 'string') return;
  const login = await shop.call('POST /auth/login/', { body: { email, password } });
  assert.equal(login.status, 400);
}

for (const user_type of ['creator', 'admin', 'viewer', 'customer']) {
  test(`a ${user_type} registers and is told what was sent`, async () => {
    const { status, body } = await register({
      ...newcomer({ email: `${user_type}@example.com`, user_type }),
      phone_number: '+4930123456',
      name: 'Ann',
      username: 'ann',
    });
    assert.equal(status, 201);
    const { access, refresh, user } = body;
    assert.deepEqual(Object.keys(body).toSorted(), ['access', 'refresh', 'user']);
    assert.deepEqual(user, {
      id: user.id,
      email: `${user_type}@example.com`,
      username: 'ann',
      phone_number: '+4930123456',
      user_type,
    });
    assert.ok(Number.isInteger(user.id) && user.id > 0);
    for (const token of [access, refresh]) assert.match(token, /^[\w-]+\.[\w-]+\.[\w-]+$/);

    const sells = ['creator', 'admin'].includes(user_type);
    const category = { token: access, body: { name: 'n', description: 'd' } };
    assert.equal((await shop.call('POST /category/', category)).status, sells ? 201 : 403);
    assert.equal((await shop.call('GET /cart/', { token: access })).status, sells ? 403 : 200);
  });
}

test('what is not sent, or sent as null or blank, is null', async () => {
  for (const empty of [undefined, null, '', '  ']) {
    const sent = newcomer({ phone_number: empty, name: empty, username: empty });
    const { status, body } = await register(sent);
    assert.equal(status, 201);
    const { id, ...user } = body.user;
    assert.equal(typeof id, 'number');
    const { email, user_type } = sent;
    assert.deepEqual(user, { email, username: null, phone_number: null, user_type });
  }
});

test('all failing fields are told at once', async () => {
  const required = ['This field is required.'];
  await refused({}, { email: required, password: required, user_type: required });
  await refused(
    { email: 'x', password: 'short', user_type: 'boss', phone_number: '1'.repeat(16), name: [] },
    {
      email: ['Enter a valid email address.'],
      password: ['This password is too short. It must contain at least 8 characters.'],
      user_type: ['"boss" is not a valid choice.'],
      phone_number: ['Ensure this field has no more than 15 characters.'],
      name: ['Not a valid string.'],
    },
  );
});

const notText = 'Not a valid string.';
const required = 'This field is required.';
const noNull = 'This field may not be null.';
const blank = 'This field may not be blank.';
const noNul = 'Null characters are not allowed.';
const noEmail = 'Enter a valid email address.';
const atMost = (most: number): string => `Ensure this field has no more than ${most} characters.`;

const badFields: [field: string, value: unknown, message: string][] = [
  ...['email', 'password', 'user_type'].flatMap((field): [string, unknown, string][] => [
    [field, undefined, required],
    [field, null, noNull],
    [field, '', blank],
  ]),
  ['email', '   ', blank],
  ...['email', 'password', 'name', 'username', 'phone_number'].flatMap(
    (field): [string, unknown, string][] => [
      ...[true, false, {}, [], [1], ['ann@example.com'], { a: 'b' }].map(
        (value): [string, unknown, string] => [field, value, notText],
      ),
      [field, 'a\0b', noNul],
      [field, '\ud800 and more', notText],
    ],
  ),
  ['email', 12, noEmail],
  ['email', `${'a'.repeat(243)}@example.com`, atMost(254)],
  ['password', 'x'.repeat(129), atMost(128)],
  ['name', 'x'.repeat(151), atMost(150)],
  ['username', 'x'.repeat(151), atMost(150)],
  ['phone_number', '1'.repeat(16), atMost(15)],
  ['phone_number', 1_234_567_890_123_456, atMost(15)],
  ['user_type', 'Creator', '"Creator" is not a valid choice.'],
  ['user_type', 'operator', '"operator" is not a valid choice.'],
  ['user_type', 'seller', '"seller" is not a valid choice.'],
  ['user_type', 5, '"5" is not a valid choice.'],
];

test('a field that is wrong is refused in the words for it', async () => {
  const others: string[] = [];
  for (const [field, value, message] of badFields) {
    const { status, body } = await register(newcomer({ [field]: value }));
    const isExpected = status === 400 && isDeepStrictEqual(body, { [field]: [message] });
    if (isExpected) continue;
    const got = JSON.stringify(body).slice(0, 100);
    others.push(`${field} ${JSON.stringify(value)}: ${message} – but ${status} ${got}`);
  }
  assert.deepEqual(others, []);
});

test('a user_type that is no text is not a valid choice', async () => {
  for (const user_type of [true, {}, [], ['viewer'], { a: 1 }]) {
    const { status, body } = await register(newcomer({ user_type }));
    assert.equal(status, 400, JSON.stringify(user_type));
    assert.deepEqual(Object.keys(body), ['user_type']);
    assert.match(body.user_type[0], /^".*" is not a valid choice\.$/);
  }
});

test('an address that is none is not a valid email', async () => {
  const texts = ['plain', '@example.com', 'ann@', 'ann@@example.com', 'ann@example', 'a b@c.de'];
  const dots = [
    '.ann@example.com',
    'ann.@example.com',
    'a..b@example.com',
    'ann@.com',
    'ann@a..de',
  ];
  const more = ['ann@-a.com', 'ann@a-.com', 'ann@exam_ple.com', 'ann@example.com.', 'ann@a b.com'];
  for (const email of [...texts, ...dots, ...more, 'ann@example.com\nx', '<ann@example.com>']) {
    await refused(newcomer({ email }), { email: [noEmail] });
  }
});

test('unusual addresses that are valid can be registered and used', async () => {
  const long = `${'a'.repeat(242)}@example.com`;
  for (const email of [long, "o'neil+shop@sub.example.co.uk", 'x@y.zz', 'ann@münchen.example']) {
    const sent = newcomer({ email: `  ${email}  ` });
    const { status, body } = await register(sent);
    assert.deepEqual([status, body.user?.email], [201, email]);
    const login = await shop.call('POST /auth/login/', { body: sent });
    assert.deepEqual([login.status, login.body.user], [200, { email, name: null }]);
  }
});

test('names and phone numbers are kept to their bounds, in characters', async () => {
  const name = '😀'.repeat(150);
  const { status, body } = await register(
    newcomer({ name, username: name, phone_number: '1'.repeat(15) }),
  );
  assert.equal(status, 201);
  assert.deepEqual([body.user.username, body.user.phone_number], [name, '1'.repeat(15)]);
  await refused(newcomer({ name: `${name}x` }), { name: [atMost(150)] });
});

test('numbers are texts where a text is asked, and texts are trimmed', async () => {
  const sent = newcomer({ phone_number: 4_930_123_456, username: 7, name: '  Ann  ' });
  const { status, body } = await register({ ...sent, user_type: ' viewer ' });
  assert.equal(status, 201);
  const { username, phone_number, user_type } = body.user;
  assert.deepEqual([username, phone_number, user_type], ['7', '4930123456', 'viewer']);
  const login = await shop.call('POST /auth/login/', { body: sent });
  assert.deepEqual(login.body.user, { email: sent.email, name: 'Ann' });
});

test('an email is taken in whatever case, and told with the other faults', async () => {
  const first = newcomer({ email: 'Taken@Example.com' });
  const { status, body } = await register(first);
  assert.deepEqual([status, body.user.email], [201, 'Taken@Example.com']);
  const taken = { email: ['user with this email already exists.'] };
  for (const email of ['taken@example.com', 'TAKEN@EXAMPLE.COM', ' Taken@Example.com ']) {
    await refused(newcomer({ email, password: 'another river' }), taken);
  }
  const password = ['This password is too short. It must contain at least 8 characters.'];
  await refused(newcomer({ email: 'taken@example.com', password: 'x' }), { ...taken, password });
  const login = await shop.call('POST /auth/login/', { body: first });
  assert.equal(login.status, 200, 'the first account is as it was');
});

test('of many registering the same email at once one succeeds', async () => {
  const emails = ['same@example.com', 'Same@example.com', 'SAME@example.com'];
  const answers = await Promise.all(
    [...emails, ...emails].map((email) => register(newcomer({ email }))),
  );
  const made = answers.filter(({ status }) => status === 201);
  assert.equal(made.length, 1);
  for (const { status, body } of answers.filter((answer) => !made.includes(answer))) {
    const taken = { email: ['user with this email already exists.'] };
    assert.deepEqual([status, body], [400, taken]);
  }
});

test('with SELLER_SIGNUP=closed only buyers register', async () => {
  for (const user_type of ['creator', 'admin']) {
    const sent = newcomer({ user_type });
    const { status, body } = await register(sent, closed);
    assert.equal(status, 400);
    assert.deepEqual(Object.keys(body), ['user_type']);
    assert.equal((await shop.call('POST /auth/login/', { body: sent })).status, 400);
  }
  for (const user_type of ['viewer', 'customer']) {
    assert.equal((await register(newcomer({ user_type }), closed)).status, 201);
  }
});
