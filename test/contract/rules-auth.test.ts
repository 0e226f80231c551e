import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { sql } from '../../src/kernel/db.ts';
import { openShop, type TestShop, type User } from '../harness.ts';
import { decodeToken, expireToken, forgeToken } from './accounts-tokens.ts';
import { protectedEndpoints, shopEndpoints, takesBody } from './rules-endpoints.ts';

let shop: TestShop;
let buyer: User;
let seller: User;
before(async () => {
  shop = await openShop();
  [buyer, seller] = [await shop.buyer(), await shop.seller()];
});
after(() => shop.close());

const notProvided = { detail: 'Authentication credentials were not provided.' };
const badHeader = {
  detail: 'Authorization header must contain two space-delimited values',
  code: 'bad_authorization_header',
};
const notValid = (message: string): object => ({
  detail: 'Given token not valid for any token type',
  code: 'token_not_valid',
  messages: [{ token_class: 'AccessToken', token_type: 'access', message }],
});

/** Asserts a 401 with this body, and its challenge. */
async function refused(authorization: string | undefined, body: object): Promise<void> {
  for (const route of ['GET /list-product/', 'POST /app/place-order', 'PATCH /category/']) {
    const answer = await shop.call(route, {
      headers: authorization === undefined ? {} : { authorization },
    });
    assert.deepEqual([answer.status, answer.body], [401, body], `${route} with ${authorization}`);
    assert.equal(answer.headers.get('www-authenticate'), 'Bearer realm="api"');
  }
}

test('every protected endpoint wants credentials', async () => {
  assert.equal(protectedEndpoints.length, 18);
  for (const { method, path } of protectedEndpoints) {
    const { status, body, headers } = await shop.call(`${method} ${path}`);
    assert.deepEqual([status, body], [401, notProvided], `${method} ${path}`);
    assert.equal(headers.get('www-authenticate'), 'Bearer realm="api"');
  }
});

test('another scheme than Bearer counts as no credentials', async () => {
  const basic = Buffer.from('ann:secret').toString('base64');
  const others = [`Basic ${basic}`, `Token ${buyer.access}`, `JWT ${buyer.access}`, buyer.access];
  for (const header of [undefined, '', ...others, `Bearer,${buyer.access}`]) {
    await refused(header, notProvided);
  }
});

test('a Bearer header has two words', async () => {
  const oneOrThree = ['Bearer', 'Bearer ', `Bearer ${buyer.access} more`, 'Bearer a b c d'];
  for (const header of oneOrThree) await refused(header, badHeader);
});

test('the scheme may be written in any case and followed by more than one space', async () => {
  for (const scheme of ['Bearer ', 'bearer ', 'BEARER ', 'Bearer   ']) {
    const headers = { authorization: scheme + buyer.access };
    assert.equal((await shop.call('GET /list-category/', { headers })).status, 200, scheme);
  }
});

test('a token that is like ours but for its signature is invalid', async () => {
  const control = await shop.call('GET /cart/', { token: forgeToken(buyer.access) });
  assert.equal(control.status, 200, 'the forger of these tests can sign a good token');

  const [head, claims, signature = ''] = buyer.access.split('.');
  const another = [...signature].toReversed().join('');
  const tokens = [
    forgeToken(buyer.access, { algorithm: 'none' }),
    forgeToken(buyer.access, { algorithm: 'none' }).slice(0, -1),
    forgeToken(buyer.access, { algorithm: 'HS384' }),
    forgeToken(buyer.access, { algorithm: 'HS512' }),
    forgeToken(buyer.access, { key: 'another secret that is longer than 32 bytes' }),
    forgeToken(buyer.access, { key: '' }),
    `${head}.${claims}.`,
    `${head}.${claims}.${another}`,
    `${head}.${forgeToken(seller.access).split('.')[1]}.${signature}`,
  ];
  for (const token of tokens) await refused(`Bearer ${token}`, notValid('Token is invalid'));
});

test('a word that is no token is invalid', async () => {
  const words = ['x', 'null', 'undefined', 'a.b.c', '..', '...', 'e30.e30.e30', 'x'.repeat(5000)];
  for (const word of words) await refused(`Bearer ${word}`, notValid('Token is invalid'));
});

test('a token without one of its claims, or with a strange one, is invalid', async () => {
  const claims = [
    ...['exp', 'iat', 'jti', 'user_id', 'session_id'].map((name) => ({ [name]: undefined })),
    ...[0, -1, 1.5, 2 ** 31, 1e300, 'x', null, {}, [1]].map((user_id) => ({ user_id })),
    ...['', 'x', 7, null, {}].map((session_id) => ({ session_id })),
    { exp: 'tomorrow' },
    { session_id: decodeToken(seller.access).claims.session_id }, // of somebody else
    { session_id: '00000000-0000-7000-8000-000000000000' },
  ];
  for (const changed of claims) {
    const token = forgeToken(buyer.access, { claims: changed });
    await refused(`Bearer ${token}`, notValid('Token is invalid'));
  }
});

test('an expired token says so, and an expired one of another key does not', async () => {
  const expired = expireToken(buyer.access);
  await refused(`Bearer ${expired}`, notValid('Token is expired'));
  const foreign = forgeToken(expired, { key: 'another secret that is longer than 32 bytes' });
  await refused(`Bearer ${foreign}`, notValid('Token is invalid'));
});

test('a token of another type says so', async () => {
  await refused(`Bearer ${buyer.refresh}`, notValid('Token has wrong type'));
  for (const token_type of ['sliding', '', 7, null]) {
    const token = forgeToken(buyer.access, { claims: { token_type } });
    await refused(`Bearer ${token}`, notValid('Token has wrong type'));
  }
});

test('a revoked token is invalid', async () => {
  const { access } = await shop.buyer();
  assert.equal((await shop.call('POST /auth/logout/', { token: access })).status, 200);
  await refused(`Bearer ${access}`, notValid('Token is invalid'));
});

test('the token of a user who is gone says so', async () => {
  const gone = await shop.buyer();
  const { db } = shop.context;
  await db.rows(sql`DELETE FROM sessions WHERE user_id = ${gone.id}`);
  await db.rows(sql`DELETE FROM streams WHERE user_id = ${gone.id}`);
  await db.rows(sql`DELETE FROM users WHERE id = ${gone.id}`);
  const body = { detail: 'User not found', code: 'user_not_found' };
  await refused(`Bearer ${gone.access}`, body);
  const never = forgeToken(buyer.access, { claims: { user_id: 2_147_483_647 } });
  await refused(`Bearer ${never}`, body);
});

for (const endpoint of protectedEndpoints.filter(takesBody)) {
  const { method, path, caller } = endpoint;
  const wrongRole = caller === 'seller' ? 'buyer' : 'seller';
  test(`${method} ${path} checks credentials, then the role, then the body`, async () => {
    const bodies = [
      { raw: '{"name":', headers: { 'content-type': 'application/json' } },
      { raw: 'hello', headers: { 'content-type': 'text/plain' } },
      { raw: '[]', headers: { 'content-type': 'application/json' } },
    ];
    for (const sent of bodies) {
      const anonymous = await shop.call(`${method} ${path}`, sent);
      assert.deepEqual([anonymous.status, anonymous.body], [401, notProvided]);
      if (caller === 'user') continue;
      const { access: token } = wrongRole === 'buyer' ? buyer : seller;
      const stranger = await shop.call(`${method} ${path}`, { token, ...sent });
      assert.deepEqual([stranger.status, stranger.body], answerToWrongRole(path));
    }
  });
}

function answerToWrongRole(path: string): [number, object] {
  if (path === '/place-order/') return [404, { error: 'Customer profile not found' }];
  return [403, { detail: 'You do not have permission to perform this action.' }];
}

test('the wrong role is refused by every endpoint of the other one', async () => {
  for (const { method, path, caller } of shopEndpoints) {
    if (caller === 'user') continue;
    const { access: token } = caller === 'seller' ? buyer : seller;
    const { status, body, headers } = await shop.call(`${method} ${path}`, { token });
    assert.deepEqual([status, body], answerToWrongRole(path), `${method} ${path}`);
    assert.equal(headers.get('www-authenticate'), null);
  }
});

test('register, login and get-access-token ignore whatever Authorization says', async () => {
  const headers = ['', 'Bearer', 'Bearer a b c', 'Basic x', 'Bearer stale', buyer.refresh];
  for (const header of [...headers, `Bearer ${expireToken(buyer.access)}`]) {
    const options = { headers: { authorization: header } };
    const { email, password } = buyer;
    const registered = await shop.call('POST /auth/register-user/', { ...options, body: {} });
    assert.equal(registered.status, 400);
    const login = { ...options, body: { email, password } };
    assert.equal((await shop.call('POST /auth/login/', login)).status, 200, header);
    const renewal = { ...options, body: { refresh: buyer.refresh } };
    assert.equal((await shop.call('POST /auth/get-access-token/', renewal)).status, 200);
  }
  const newcomer = { email: 'stale@example.com', password: 'quiet river 9', user_type: 'viewer' };
  const answer = await shop.call('POST /auth/register-user/', { token: 'stale', body: newcomer });
  assert.equal(answer.status, 201);
});
