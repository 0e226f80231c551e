import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Answer, openShop, type TestShop } from '../harness.ts';
import { closeCode } from '../shopping.ts';
import { bentClaims } from './token-claims.ts';
import { bentForms } from './token-forms.ts';
import { type Cast, modelOf, type TokenRow, type Verdict } from './token-tools.ts';
import { changedParts, type Snapshot, takeSnapshot } from './snapshot.ts';

// Each row is tried wherever a token is taken: as Bearer, in all three places of a handshake, as
// refresh token for renewal and for logout. The answer is exact everywhere, and never a 5xx.

let shop: TestShop;
let cast: Cast;
let untouched: Snapshot;
before(async () => {
  shop = await openShop();
  const [user, other, ended] = [await shop.buyer(), await shop.buyer(), await shop.buyer()];
  await shop.call('POST /auth/logout/', { token: ended.access });
  const { body } = await shop.call('POST /auth/ws-ticket/', { token: user.access });
  cast = { user, other, ended, ticket: body.ticket };
  untouched = await takeSnapshot(shop);
});
after(() => shop.close());

const notValid = (message: string): object => ({
  detail: 'Given token not valid for any token type',
  code: 'token_not_valid',
  messages: [{ token_class: 'AccessToken', token_type: 'access', message }],
});

const bearerBodies: Record<Exclude<Verdict, 'ok'>, object> = {
  invalid: notValid('Token is invalid'),
  ended: notValid('Token is invalid'),
  expired: notValid('Token is expired'),
  'wrong type': notValid('Token has wrong type'),
  gone: { detail: 'User not found', code: 'user_not_found' },
};
const refreshErrors: Record<Exclude<Verdict, 'ok'>, string> = {
  invalid: 'Token is invalid',
  ended: 'Token is blacklisted',
  expired: 'Token is expired',
  'wrong type': 'Token has wrong type',
  gone: 'Token is blacklisted',
};

const table: TokenRow[] = [...bentForms, ...bentClaims];

test('the table is long, its names differ, and what may pass says why', () => {
  assert.ok(table.length >= 60, `${table.length} rows`);
  assert.equal(new Set(table.map(({ name }) => name)).size, table.length);
  const passing = table.filter(({ verdict }) => verdict === 'ok');
  assert.ok(passing.length < 10 && passing.every(({ because }) => because));
});

function assertRefusal(answer: Answer, status: number, body: object): void {
  assert.deepEqual([answer.status, answer.body], [status, body]);
  const challenge = status === 401 ? 'Bearer realm="api"' : null;
  assert.equal(answer.headers.get('www-authenticate'), challenge);
}

async function asBearer(token: string, verdict: Verdict): Promise<void> {
  for (const route of ['GET /cart/', 'POST /app/place-order/', 'HEAD /list-product/']) {
    const answer = await shop.call(route, { token });
    if (verdict === 'ok') assert.ok(answer.status < 401, `${route} ${answer.text}`);
    else if (route.startsWith('HEAD')) assert.equal(answer.status, 401);
    else assertRefusal(answer, 401, bearerBodies[verdict]);
  }
}

async function asHandshake({ notInHeaders }: TokenRow, token: string, opens: boolean) {
  const word = encodeURIComponent(token);
  const ways: [path: string, headers?: Record<string, string>][] = [
    [`/ws/notifications/${word}/?after=0`],
    [`/ws/notifications/?token=${word}&after=0`],
  ];
  if (!notInHeaders) {
    ways.push(['/ws/notifications/?after=0', { authorization: `Bearer ${token}` }]);
  }
  const knock = async ([path, headers]: (typeof ways)[number]): Promise<void> => {
    const socket = await shop.socket(path, headers);
    if (opens) await socket.close();
    else assert.equal(await closeCode(socket), 4401, path.slice(0, 40));
    assert.deepEqual(socket.messages, []);
  };
  await Promise.all(ways.map(knock));
}

async function asRefresh(token: string, verdict: Verdict): Promise<void> {
  const renewal = await shop.call('POST /auth/get-access-token/', { body: { refresh: token } });
  if (verdict === 'ok') return assert.equal(renewal.status, 200);
  const body = { error: refreshErrors[verdict] };
  assertRefusal(renewal, 400, body);
  const logout = { token: cast.user.access, body: { refresh: token } };
  assertRefusal(await shop.call('POST /auth/logout/', logout), 400, body);
}

for (const row of table) {
  const { name, make, verdict = 'invalid', asRefresh: refreshVerdict = verdict } = row;
  test(`${name}: ${verdict}`, async () => {
    const access = make(modelOf(cast, 'access'));
    await Promise.all([
      row.notInHeaders || asBearer(access, verdict),
      asHandshake(row, access, verdict === 'ok'),
      asRefresh(make(modelOf(cast, 'refresh')), refreshVerdict),
    ]);
  });
}

test('none of it changed anything', async () => {
  assert.deepEqual(changedParts(untouched, await takeSnapshot(shop)), []);
});

test('a ticket is no token, of neither type', async () => {
  await asBearer(cast.ticket, 'invalid');
  await asRefresh(cast.ticket, 'invalid');
  const socket = await shop.socket(`/ws/notifications/${cast.ticket}/`);
  await socket.close(); // it was good for what it is for
});

test('after all of it the tokens that were bent are as good as before', async () => {
  await asBearer(cast.user.access, 'ok');
  await asRefresh(cast.user.refresh, 'ok');
});
