import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Json } from '../harness.ts';
import { limits } from '../../src/kernel/limits.ts';
import { newDatabase, newFolder } from '../program-data.ts';
import { cleanUp, logLines, type ServedShop, serve } from '../program.ts';
import { times, within } from '../shopping.ts';

let shop: ServedShop;
before(async () => {
  const settings = { ...(await newDatabase()), DATA_DIR: newFolder(), LOG_LEVEL: 'info' };
  shop = await serve({ ...settings, RATE_LIMITS: 'on', TRUST_PROXY: '1' });
});
after(cleanUp);

/** The lines of the log about security so far. */
const lines = (): Json[] => logLines(shop, '"msg":"security"');

const from = { 'x-forwarded-for': '192.0.2.7' };
const account = { email: 'ann@example.com', password: 'quiet river 9', user_type: 'viewer' };

test('who came, from where, when and how it ended is in the log; no email, no token', async () => {
  const post = (path: string, body: object, token?: string) =>
    shop.call(`POST /auth/${path}/`, { body, headers: from, token });
  const { body } = await post('register-user', account);
  const { id } = body.user;
  const wrong = { ...account, password: 'a wrong guess' };
  await post('login', wrong);
  await post('login', account);
  await shop.call('POST /category/', { token: body.access, body: {}, headers: from });
  await shop.call('GET /cart/', { token: 'x', headers: from });
  await post('logout', {}, body.access);
  for (const guess of times(10, () => wrong)) await post('login', guess);
  await within(2_000, async () => assert.equal(lines().length, 16));
  const seen = lines().map(({ method, route, status, userId }) => [method, route, status, userId]);
  assert.deepEqual(seen.slice(0, 6), [
    ['POST', '/auth/register-user/', 201, id],
    ['POST', '/auth/login/', 400, undefined],
    ['POST', '/auth/login/', 200, id],
    ['POST', '/category/', 403, id],
    ['GET', '/cart/', 401, undefined],
    ['POST', '/auth/logout/', 200, id],
  ]);
  assert.equal(seen.at(-1)?.[2], 429);
  for (const line of lines()) {
    assert.equal(line.address, '192.0.2.7');
    assert.ok(Math.abs(line.time - Date.now()) < 60_000 && line.reqId.length >= 8);
  }
  assert.doesNotMatch(shop.output(), /ann@example|quiet river|a wrong guess|eyJ/);
});

test('what goes well leaves no line', async () => {
  const before = lines().length;
  const { body } = await shop.call('POST /auth/login/', { body: account });
  await shop.call('GET /list-category/', { token: body.access });
  await shop.call('GET /cart/', { token: body.access });
  await within(2_000, async () => assert.equal(lines().length, before + 1));
});

test('a flood of refusals does not flood the log, which says that it is short', async () => {
  const before = lines().length;
  const flood = async () => {
    await Promise.all(times(400, () => shop.call('GET /cart/')));
  };
  const began = Date.now();
  await flood();
  await flood();
  await new Promise((resolve) => setTimeout(resolve, 1_100));
  await shop.call('GET /cart/');
  const seconds = Math.ceil((Date.now() - began) / 1000) + 1;
  await within(2_000, async () => assert.match(shop.output(), /more security events than are/));
  const written = lines().length - before;
  assert.ok(written <= seconds * limits.securityLinesPerSecond, `${written} in ${seconds} s`);
});

test('a flood of refusals, of logins too, hides no login that succeeds', async () => {
  const wrong = { ...account, password: 'a wrong guess' };
  const flood = async (): Promise<void> => {
    const logins = times(200, () => shop.call('POST /auth/login/', { body: wrong, headers: from }));
    await Promise.all([...logins, ...times(200, () => shop.call('GET /cart/'))]);
  };
  const addresses = ['198.51.100.1', '203.0.113.1', '233.252.0.1'];
  for (const address of addresses) {
    await new Promise((resolve) => setTimeout(resolve, 1_000 - (Date.now() % 1_000)));
    await flood();
    const headers = { 'x-forwarded-for': address };
    const { status } = await shop.call('POST /auth/login/', { body: account, headers });
    assert.equal(status, 200);
  }
  await within(2_000, async () => {
    const seen = lines().filter(({ address }) => addresses.includes(address));
    assert.deepEqual(
      seen.map(({ address, status }) => [address, status]),
      addresses.map((address) => [address, 200]),
    );
  });
});
