import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Json, openShop, type TestNode, type TestShop, type User } from '../harness.ts';
import { within } from '../shopping.ts';
import { decodeToken, expireToken, forgeToken } from './accounts-tokens.ts';

let shop: TestShop;
let other: TestNode;
let ann: User;
before(async () => {
  shop = await openShop();
  other = await shop.node({ ACCESS_TOKEN_MINUTES: '1', REFRESH_TOKEN_HOURS: '2' });
  ann = await shop.buyer();
});
after(() => shop.close());

const post = async (path: string, body: unknown, token?: string): Promise<[number, Json]> => {
  const answer = await shop.call(`POST /auth/${path}/`, { token, body });
  return [answer.status, answer.body];
};
const logIn = async ({ email, password }: User): Promise<{ access: string; refresh: string }> =>
  (await post('login', { email, password }))[1];
const renew = (refresh: unknown): Promise<[number, Json]> => post('get-access-token', { refresh });
const isIn = async (token: string, node: TestNode = shop): Promise<boolean> =>
  (await node.call('GET /list-category/', { token })).status === 200;

const required = [400, { error: 'Refresh token is required.' }];
const bad = (why: string): unknown => [400, { error: `Token is ${why}` }];
const loggedOut = [200, { message: 'Successfully logged out.' }];

test('logging in answers with the user and two tokens', async () => {
  const [status, body] = await post('login', { email: ann.email, password: ann.password });
  assert.equal(status, 200);
  const { access, refresh, ...more } = body;
  assert.deepEqual(more, { user: { email: ann.email, name: null } });
  assert.ok(await isIn(access));
  assert.equal((await renew(refresh))[0], 200);
});

test('logging in ignores the case of the email and spaces around it', async () => {
  for (const email of [ann.email.toUpperCase(), ` ${ann.email} `]) {
    const [status, body] = await post('login', { email, password: ann.password });
    assert.deepEqual([status, body.user], [200, { email: ann.email, name: null }]);
  }
});

test('logging in wants both, and texts', async () => {
  const { email, password } = ann;
  const missing = [{}, { email }, { password }, { email: '', password }, { email, password: '' }];
  const nulls = [
    { email: null, password },
    { email, password: null },
    { email: ' ', password },
  ];
  const strange = [
    { email: [email], password },
    { email, password: { a: 1 } },
  ];
  for (const body of [...missing, ...nulls, ...strange, { email: true, password }]) {
    const error = 'Email and password are required.';
    assert.deepEqual(await post('login', body), [400, { error }], JSON.stringify(body));
  }
});

test('a wrong password and an unknown email are refused alike', async () => {
  const { email, password } = ann;
  const wrong = { error: 'Invalid email or password.' };
  const pairs = [
    { email, password: `${password}x` },
    { email, password: ` ${password}` },
    { email: 'nobody@example.com', password },
    { email: `${'x'.repeat(5000)}@example.com`, password },
    { email: "' OR 1=1 --", password: "' OR 1=1 --" },
    { email: `${email}\0`, password },
    { email: '%', password },
    { email, password: 'x'.repeat(100_000) },
  ];
  for (const body of pairs) assert.deepEqual(await post('login', body), [400, wrong]);
});

test('tokens are JWTs that carry who, what and how long', async () => {
  const now = Date.now() / 1000;
  const [access, refresh] = [decodeToken(ann.access), decodeToken(ann.refresh)];
  assert.deepEqual([access.header.alg, refresh.header.alg], ['HS256', 'HS256']);
  assert.equal(access.claims.exp - access.claims.iat, 60 * 60);
  assert.equal(refresh.claims.exp - refresh.claims.iat, 24 * 60 * 60);
  assert.ok(Math.abs(access.claims.iat - now) < 60);
  assert.deepEqual([access.claims.token_type, refresh.claims.token_type], ['access', 'refresh']);
  assert.deepEqual([access.claims.user_id, refresh.claims.user_id], [ann.id, ann.id]);
  assert.equal(access.claims.session_id, refresh.claims.session_id);
  assert.notEqual(access.claims.jti, refresh.claims.jti);
  const keys = ['exp', 'iat', 'jti', 'session_id', 'token_type', 'user_id'];
  for (const { claims } of [access, refresh])
    assert.deepEqual(Object.keys(claims).toSorted(), keys);
});

test('ACCESS_TOKEN_MINUTES and REFRESH_TOKEN_HOURS say how long tokens live', async () => {
  const { email, password } = ann;
  const { body } = await other.call('POST /auth/login/', { body: { email, password } });
  const lives = [body.access, body.refresh].map((token) => {
    const { exp, iat } = decodeToken(token).claims;
    return exp - iat;
  });
  assert.deepEqual(lives, [60, 2 * 60 * 60]);
  const lastSecond = Math.floor(Date.now() / 1000);
  const over = forgeToken(body.access, { claims: { iat: lastSecond - 60, exp: lastSecond } });
  assert.equal(await isIn(over), false);
  assert.ok(await isIn(body.access));
});

test('a refresh token gives a new access token and stays usable', async () => {
  const jtis = new Set([decodeToken(ann.access).claims.jti]);
  for (let time = 1; time <= 3; time += 1) {
    const [status, body] = await renew(ann.refresh);
    assert.equal(status, 200);
    assert.deepEqual(Object.keys(body), ['access']);
    assert.ok(await isIn(body.access));
    const { jti, session_id, token_type } = decodeToken(body.access).claims;
    assert.equal(token_type, 'access');
    assert.equal(session_id, decodeToken(ann.refresh).claims.session_id);
    jtis.add(jti);
  }
  assert.equal(jtis.size, 4);
});

test('a refresh token is required', async () => {
  assert.deepEqual(await post('get-access-token', {}), required);
  for (const refresh of [null, '', '   ']) assert.deepEqual(await renew(refresh), required);
});

const none: unknown[] = ['x', 'a.b.c', 7, true, [], {}, ['x'], { a: 1 }, { toString: 1 }];

test('a refresh token that is none is refused in words that say why', async () => {
  for (const refresh of none) {
    assert.deepEqual(await renew(refresh), bad('invalid'), JSON.stringify(refresh));
  }
  const forged = [
    forgeToken(ann.refresh, { algorithm: 'none' }),
    forgeToken(ann.refresh, { algorithm: 'HS512' }),
    forgeToken(ann.refresh, { key: 'another secret that is longer than 32 bytes' }),
    forgeToken(ann.refresh, { claims: { user_id: 0 } }),
  ];
  for (const refresh of forged) assert.deepEqual(await renew(refresh), bad('invalid'));
  assert.deepEqual(await renew(expireToken(ann.refresh)), bad('expired'));
  assert.deepEqual(await renew(ann.access), [400, { error: 'Token has wrong type' }]);
  assert.equal((await renew(forgeToken(ann.refresh)))[0], 200, 'the forger can sign good ones');
});

test('after logging out both tokens of the session are refused, on every node', async () => {
  const session = await logIn(ann);
  const elsewhere = await logIn(ann);
  const [, { access: renewed }] = await renew(session.refresh);
  assert.ok(await isIn(session.access, other));
  assert.deepEqual(await post('logout', undefined, session.access), loggedOut);

  for (const token of [session.access, renewed]) {
    assert.equal(await isIn(token), false);
    await within(1_000, async () => assert.equal(await isIn(token, other), false));
  }
  assert.deepEqual(await renew(session.refresh), bad('blacklisted'));
  const late = await other.call('POST /auth/get-access-token/', {
    body: { refresh: session.refresh },
  });
  assert.deepEqual([late.status, late.body], bad('blacklisted'));
  assert.equal((await post('logout', {}, session.access))[0], 401);
  assert.ok(await isIn(elsewhere.access), 'other sessions of the user go on');
});

test('logging out with the refresh token, or a blank one, does the same', async () => {
  for (const given of ['its own', null, '']) {
    const session = await logIn(ann);
    const refresh = given === 'its own' ? session.refresh : given;
    assert.deepEqual(await post('logout', { refresh }, session.access), loggedOut);
    assert.equal(await isIn(session.access), false);
    assert.deepEqual(await renew(session.refresh), bad('blacklisted'));
  }
});

test('logging out with the refresh token of another session of one’s own ends both', async () => {
  const [here, there] = [await logIn(ann), await logIn(ann)];
  assert.deepEqual(await post('logout', { refresh: there.refresh }, here.access), loggedOut);
  for (const { access, refresh } of [here, there]) {
    assert.equal(await isIn(access), false);
    assert.deepEqual(await renew(refresh), bad('blacklisted'));
  }
});

test('a foreign refresh token ends nobody’s session', async () => {
  const [session, stranger] = [await logIn(ann), await shop.buyer()];
  const answer = await post('logout', { refresh: stranger.refresh }, session.access);
  assert.deepEqual(answer, bad('invalid'));
  assert.ok(await isIn(session.access));
  assert.ok(await isIn(stranger.access));
  assert.equal((await renew(stranger.refresh))[0], 200);
});

test('logging out with a bad refresh token says why and ends nothing', async () => {
  const [session, over] = [await logIn(ann), await logIn(ann)];
  await post('logout', {}, over.access);
  const cases: [refresh: unknown, answer: unknown][] = [
    ...none.map((refresh): [unknown, unknown] => [refresh, bad('invalid')]),
    [expireToken(session.refresh), bad('expired')],
    [session.access, [400, { error: 'Token has wrong type' }]],
    [over.refresh, bad('blacklisted')],
  ];
  for (const [refresh, answer] of cases) {
    assert.deepEqual(await post('logout', { refresh }, session.access), answer);
    assert.ok(await isIn(session.access), JSON.stringify(refresh));
  }
});
