import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { changeRole, disableAccount, enableAccount } from '../../src/features/accounts/standing.ts';
import { type Answer, openShop, type TestNode, type TestShop, type User } from '../harness.ts';
import { HeldLock } from '../held-lock.ts';
import { query } from '../program-data.ts';
import { countStatuses, times, within } from '../shopping.ts';

let shop: TestShop;
let nodes: TestNode[];
before(async () => {
  shop = await openShop({}, { patient: true });
  nodes = [shop, await shop.node()];
});
after(async () => {
  assert.deepEqual(await shop.violations(), []);
  await shop.close();
});

const by = 'a test';
const node = (index: number): TestNode => nodes[index % 2] as TestNode;

const logIn = ({ email, password }: User, index = 0): Promise<Answer> =>
  node(index).call('POST /auth/login/', { body: { email, password } });

const refresh = ({ refresh: token }: User, index: number): Promise<Answer> =>
  node(index).call('POST /auth/get-access-token/', { body: { refresh: token } });

const refusedLogin = [400, '{"error":"Invalid email or password."}'];

async function liveSessions({ id }: User): Promise<number> {
  const live = 'SELECT FROM sessions WHERE user_id = $1 AND revoked_at IS NULL';
  return (await query(shop.databaseUrl, live, [id])).length;
}

/** A second later none of these tokens lets anybody in, on any node. */
async function areDead(tokens: string[]): Promise<void> {
  await sleep(1_000);
  const answers = await Promise.all(
    tokens.flatMap((token) => nodes.map(({ call }) => call('GET /cart/', { token }))),
  );
  assert.deepEqual(countStatuses(answers), { 401: 2 * tokens.length });
}

/** Somebody ends all sessions of the user, and is stopped just before they are. */
async function halfway(user: User, change: () => Promise<unknown>) {
  const rows = `SELECT FROM sessions WHERE user_id = ${user.id} FOR UPDATE`;
  const lock = await HeldLock.take(shop.databaseUrl, rows);
  const changing = change();
  await lock.isWanted();
  return {
    async goesOnWhen({ wait }: { wait: number }): Promise<void> {
      await lock.isWanted(1 + wait);
      await lock.release();
      await changing;
    },
  };
}

test('a login that meets a disabling waits for its end, and is refused', async () => {
  const user = await shop.buyer();
  const halted = await halfway(user, () => disableAccount(node(1).context, user.email, { by }));
  const logins = times(4, (index) => logIn(user, index));
  await halted.goesOnWhen({ wait: logins.length });
  for (const { status, text } of await Promise.all(logins)) {
    assert.deepEqual([status, text], refusedLogin);
  }
  assert.equal(await liveSessions(user), 0);
});

test('a login that meets a change of role begins under the new one', async () => {
  const user = await shop.operator();
  const role = { role: 'buyer', by } as const;
  const halted = await halfway(user, () => changeRole(node(1).context, user.email, role));
  const login = logIn(user);
  await halted.goesOnWhen({ wait: 1 });
  const { status, body } = await login;
  assert.equal(status, 200);
  for (const { call } of nodes) {
    assert.equal((await call('GET /cart/', { token: body.access })).status, 200, 'is a buyer');
  }
  await areDead([user.access]);
});

test('of fifty logins that race a disabling none leaves a live session', async (t) => {
  const user = await shop.buyer();
  const began = Date.now();
  const { body } = await logIn(user);
  const loginMs = Date.now() - began;
  const admitted: string[] = [user.access, body.access];
  for (let round = 0; round < 50; round += 1) {
    const login = logIn(user, round);
    await sleep(Math.round((loginMs * (round % 10)) / 8));
    await disableAccount(node(round >> 1).context, user.email, { by });
    const answer = await login;
    if (answer.status === 200) admitted.push(answer.body.access);
    else assert.deepEqual([answer.status, answer.text], refusedLogin);
    assert.equal(await liveSessions(user), 0, `round ${round}`);
    await enableAccount(shop.context, user.email, { by });
  }
  t.diagnostic(`${admitted.length - 2} logins came first`);
  await areDead(admitted);
});

test('an access token refreshed while the account is disabled is worth nothing', async () => {
  const users = await Promise.all(times(10, () => shop.buyer()));
  const tokens: string[] = [];
  for (const [round, user] of users.entries()) {
    const refreshing = times(6, (index) => refresh(user, index));
    await disableAccount(node(round).context, user.email, { by });
    for (const { status, body } of await Promise.all(refreshing)) {
      if (status === 200) tokens.push(body.access);
      else assert.deepEqual([status, body], [400, { error: 'Token is blacklisted' }]);
    }
  }
  assert.ok(tokens.length > 0, 'no refresh came first');
  await areDead([...tokens, ...users.map(({ access }) => access)]);
  await within(1_000, async () => {
    const late = await Promise.all(users.map((user, index) => refresh(user, index)));
    assert.deepEqual(countStatuses(late), { 400: users.length });
  });
});

test('ten refreshes at once each give a token of the one session', async () => {
  const user = await shop.buyer();
  const answers = await Promise.all(times(10, (index) => refresh(user, index)));
  assert.deepEqual(countStatuses(answers), { 200: 10 });
  const tokens = answers.map(({ body }) => body.access);
  assert.equal(new Set(tokens).size, 10);
  assert.equal(await liveSessions(user), 1);
  const used = await Promise.all(
    tokens.map((token, index) => node(index).call('GET /cart/', { token })),
  );
  assert.deepEqual(countStatuses(used), { 200: 10 });
  await shop.call('POST /auth/logout/', { token: tokens[3] });
  await areDead(tokens);
});

test('of many who disable an account at once one does, and it is recorded once', async () => {
  const user = await shop.buyer();
  const outcomes = await Promise.all(
    times(10, (index) => disableAccount(node(index).context, user.email, { by: `${index}` })),
  );
  const changed = outcomes.filter((one) => one.changed);
  assert.deepEqual([changed.length, changed[0]?.sessionsEnded], [1, 1]);
  const moments = new Set(outcomes.map(({ disabledAt }) => disabledAt?.getTime()));
  assert.equal(moments.size, 1);
  const recorded = await query(
    shop.databaseUrl,
    'SELECT kind, sessions_ended FROM account_changes WHERE user_id = $1',
    [user.id],
  );
  assert.deepEqual(recorded, [{ kind: 'disabled', sessions_ended: 1 }]);
});

test('logouts and disablings of many sessions at once all succeed', async () => {
  const user = await shop.buyer();
  const logins = await Promise.all(times(12, (index) => logIn(user, index)));
  const sessions = logins.map(({ body }) => body as User);
  const ending = sessions.map(({ access }, index) => {
    const neighbour = sessions[(index + 7) % sessions.length] as User;
    return node(index).call('POST /auth/logout/', {
      token: access,
      body: { refresh: neighbour.refresh },
    });
  });
  const disabling = disableAccount(shop.context, user.email, { by });
  const answers = await Promise.all(ending);
  await disabling;
  for (const { status, text } of answers) assert.ok([200, 400, 401].includes(status), text);
  assert.equal(await liveSessions(user), 0);
  await areDead(sessions.map(({ access }) => access));
});
