import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { pipeline } from 'node:stream';
import { after, before, type TestContext, test } from 'node:test';
import { createClient } from '@redis/client';
import { noRedis, RedisServer } from '../redis-server.ts';
import type { Json, User } from '../harness.ts';
import { newDatabase } from '../program-data.ts';
import { cleanUp, logLines, run, type ServedShop, serve } from '../program.ts';
import { Revocation } from '../revocation.ts';
import { nobodysId, within } from '../shopping.ts';
import { register } from '../traffic.ts';

// Sessions end on two nodes, processes of their own, whatever Redis does. SOUK_TEST_ROUNDS=20
// measures longer.

const options = { skip: noRedis, timeout: 150_000 };
const rounds = Number(process.env['SOUK_TEST_ROUNDS'] ?? 1);
const boundMs = 1_000;

let redis: RedisServer;
let settings: Record<string, string> & { DATABASE_URL: string };
let nodes: [ServedShop, ServedShop];
/** what ended the sessions of whom, as far as this file did it */
const expected = new Map<number, string>();

before(async () => {
  if (noRedis) return;
  redis = await RedisServer.started();
  settings = { ...(await newDatabase()), REDIS_URL: redis.url, LOG_LEVEL: 'info' };
  nodes = [await serve(settings), await serve(settings)];
  await within(5_000, async () => assert.equal(await redis.listeners(), 2));
});
after(async () => {
  redis?.resume();
  await cleanUp();
  await redis?.kill();
});

const [first, second] = [() => nodes[0], () => nodes[1]];

async function logOut({ access }: User): Promise<void> {
  assert.equal((await first().call('POST /auth/logout/', { token: access })).status, 200);
}

async function disable({ email }: User, more: Record<string, string> = {}): Promise<void> {
  const { code, stderr } = await run(['user', 'disable', email], { ...settings, ...more });
  assert.deepEqual([code, stderr], [0, '']);
}

/** Ends sessions by logout and by command, at the same time, and says how long it took at most. */
async function endsInTime(t: TestContext, fault?: () => Promise<void>): Promise<void> {
  const slowest = { ms: -Infinity, use: '', reason: '' };
  for (let round = 0; round < rounds; round += 1) {
    const users = [await register(first(), 'viewer'), await register(second(), 'creator')] as const;
    const watched = await Promise.all(users.map((user) => Revocation.prepared(nodes, user)));
    const failing = fault?.();
    await Promise.all([logOut(users[0]), disable(users[1])]);
    expected.set(users[0].id, 'logout').set(users[1].id, 'disabled');
    for (const revocation of watched) {
      const found = await revocation.measured(settings.DATABASE_URL);
      if (found.ms > slowest.ms) Object.assign(slowest, found);
      assert.deepEqual([...revocation.surprises], []);
    }
    await failing;
  }
  const { ms, use, reason } = slowest;
  t.diagnostic(`at most ${ms} ms, of ${2 * rounds} (${reason}, ${use})`);
  assert.ok(ms < boundMs, `${ms} ms: ${use}`);
}

test('a session ends on every node within a second', options, (t) => endsInTime(t));

test('also when Redis is killed at that moment, and while it is away', options, async (t) => {
  await endsInTime(t, () => redis.kill());
});

test('also when Redis comes back at that moment', options, async (t) => {
  await endsInTime(t, async () => {
    await redis.kill(); // in a second round
    await redis.start();
  });
  await within(5_000, async () => assert.equal(await redis.listeners(), 2));
});

test('also while Redis hangs', options, async (t) => {
  t.after(() => redis.resume());
  redis.pause();
  await endsInTime(t);
});

/** The way to a Redis that takes its time to answer a newcomer. */
async function slowWay(t: TestContext): Promise<{ REDIS_URL: string }> {
  const server = createServer((caller) => {
    const connectLate = () =>
      pipeline(caller, connect(redis.port, '127.0.0.1'), caller, () => undefined);
    setTimeout(connectLate, 400);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.after(() => server.close());
  return { REDIS_URL: `redis://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

test('the command waits for Redis, and its hint leaves before it ends', options, async (t) => {
  const listener = createClient({ url: redis.url });
  t.after(() => listener.destroy());
  await listener.connect();
  const hints: Json[] = [];
  await listener.pSubscribe('souk:*:hints', (text) => hints.push(...JSON.parse(text).hints));
  const user = await register(first(), 'viewer');
  await disable(user, await slowWay(t));
  expected.set(user.id, 'disabled');
  await listener.ping(); // what Redis was given before this was sent on before its answer
  assert.deepEqual(
    hints.map(({ topic, hint }) => [topic, hint.userId, hint.reason, hint.sessionIds.length]),
    [['sessions.ended', user.id, 'disabled', 1]],
  );
});

const hourAgo = (): string => new Date(Date.now() - 3_600_000).toISOString();

test('each node logs once who was put out, why and when, and nobody’s name', options, async () => {
  const olga = await register(first(), 'viewer');
  const late = { userId: olga.id, reason: 'logout', at: hourAgo(), sessionIds: [nobodysId] };
  const [channel = ''] = (await redis.ask('PUBSUB', 'CHANNELS')) as string[];
  const hint = JSON.stringify({ node: 'one that hung', topic: 'sessions.ended', hint: late });
  assert.equal(await redis.ask('PUBLISH', channel, hint), nodes.length);
  const promoted = await run(['operator', 'create', olga.email], settings);
  assert.equal(promoted.code, 0);
  expected.set(olga.id, 'role');
  assert.ok(expected.size > 9);
  for (const node of nodes) {
    const lines = (): Json[] => logLines(node, '"msg":"sessions ended"');
    await within(boundMs, async () => assert.equal(lines().length, expected.size));
    assert.deepEqual(new Map(lines().map(({ userId, reason }) => [userId, reason])), expected);
    for (const { at, time, sessions, level, pid, hostname, ...rest } of lines()) {
      assert.ok(Math.abs(Date.parse(at) - time) < boundMs, `${at}, logged at ${time}`);
      assert.deepEqual([sessions, level, typeof pid, typeof hostname], [1, 30, 'number', 'string']);
      assert.deepEqual(Object.keys(rest).toSorted(), ['msg', 'reason', 'userId']);
    }
    assert.doesNotMatch(node.output(), /@example\.com|eyJ/);
  }
});
