import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { after, before, test } from 'node:test';
import { type Answer, openShop, type TestNode, type TestShop, type User } from '../harness.ts';

let shop: TestShop;
let behindProxy: TestNode;
let direct: TestNode;
before(async () => {
  shop = await openShop();
  behindProxy = await shop.node({ RATE_LIMITS: 'on', TRUST_PROXY: '1' });
  direct = await shop.node({ RATE_LIMITS: 'on' });
});
after(() => shop.close());

/** An address of the documentation range that no other test uses: limits outlive a test. */
function newAddress(): string {
  return ['2001:db8', ...[1, 2, 3, 4].map(() => randomInt(0xffff).toString(16))].join(':') + '::1';
}

const post = (path: string, body: object, address: string, node = behindProxy) =>
  node.call(`POST /auth/${path}/`, { body, headers: { 'x-forwarded-for': address } });

/** Repeats a request until it is throttled; the answers before, and the refusal. */
async function untilThrottled(
  send: () => Promise<Answer>,
): Promise<{ before: Answer[]; refusal: Answer }> {
  const passed: Answer[] = [];
  while (passed.length < 500) {
    const answer = await send();
    if (answer.status === 429) return { before: passed, refusal: answer };
    passed.push(answer);
  }
  throw new Error('500 requests and none was throttled');
}

function assertRefusal({ status, headers, body }: Answer, limit: number): void {
  assert.equal(status, 429);
  const seconds = Number(headers.get('retry-after'));
  assert.ok(Number.isInteger(seconds) && seconds >= 1 && seconds <= 60, `${seconds} seconds`);
  const detail = `Request was throttled. Expected available in ${seconds} seconds.`;
  assert.deepEqual(body, { detail });
  assert.equal(headers.get('ratelimit-limit'), String(limit));
  assert.equal(headers.get('ratelimit-remaining'), '0');
  assert.equal(headers.get('ratelimit-reset'), String(seconds));
}

const guess = ({ email }: User, address: string, node?: TestNode) =>
  post('login', { email, password: 'a wrong guess' }, address, node);

test('guessing a password is throttled, counting down', async () => {
  const [victim, address] = [await shop.buyer(), newAddress()];
  const { before, refusal } = await untilThrottled(() => guess(victim, address));
  assert.deepEqual(
    before.map(({ status, headers }) => [status, headers.get('ratelimit-remaining')]),
    ['9', '8', '7', '6', '5', '4', '3', '2', '1', '0'].map((left) => [400, left]),
  );
  for (const { headers } of before) {
    assert.equal(headers.get('ratelimit-limit'), '10');
    assert.equal(headers.get('retry-after'), null);
  }
  assertRefusal(refusal, 10);
});

test('a throttled guesser is refused the right password too', async () => {
  const [victim, address] = [await shop.buyer(), newAddress()];
  await untilThrottled(() => guess(victim, address));
  const { email, password } = victim;
  for (const spelling of [email, email.toUpperCase(), ` ${email}`]) {
    assertRefusal(await post('login', { email: spelling, password }, address), 10);
  }
});

test('a stranger’s guesses do not lock the owner out', async () => {
  const [victim, address] = [await shop.buyer(), newAddress()];
  await untilThrottled(() => guess(victim, address));
  const { email, password } = victim;
  const login = await post('login', { email, password }, newAddress());
  assert.equal(login.status, 200);
  assert.equal(login.headers.get('ratelimit-remaining'), '9');
  const neighbour = await shop.buyer();
  const { status } = await post('login', neighbour, address);
  assert.equal(status, 200, 'nor the others at the stranger’s address');
});

test('registering from one address is throttled, and makes no account', async () => {
  const address = newAddress();
  const { before, refusal } = await untilThrottled(() => post('register-user', {}, address));
  assert.equal(before.length, 30);
  assertRefusal(refusal, 30);
  const body = { email: 'late@example.com', password: 'quiet river 9', user_type: 'viewer' };
  assertRefusal(await post('register-user', body, address), 30);
  assert.equal((await post('login', body, newAddress())).status, 400);
  assert.equal((await post('register-user', body, newAddress())).status, 201);
});

test('renewing is throttled by account from wherever, and by address', async () => {
  const { refresh } = await shop.buyer();
  const renewals = await untilThrottled(() => post('get-access-token', { refresh }, newAddress()));
  assert.equal(renewals.before.length, 60);
  assertRefusal(renewals.refusal, 60);
  const address = newAddress();
  const attempts = await untilThrottled(() => post('get-access-token', { refresh: 'x' }, address));
  assert.equal(attempts.before.length, 240);
  assertRefusal(attempts.refusal, 240);
  const other = await shop.buyer();
  const renewed = await post('get-access-token', { refresh: other.refresh }, newAddress());
  assert.equal(renewed.status, 200);
});

test('socket tickets are counted by account', async () => {
  const [{ access }, other] = [await shop.buyer(), await shop.buyer()];
  const ask = (token: string) => direct.call('POST /auth/ws-ticket/', { token });
  const tickets = await untilThrottled(() => ask(access));
  assert.equal(tickets.before.filter(({ status }) => status === 200).length, 240);
  assertRefusal(tickets.refusal, 240);
  assert.equal((await ask(other.access)).status, 200);
});

test('without a trusted proxy X-Forwarded-For is anyone’s word and ignored', async () => {
  const victim = await shop.buyer();
  const { before, refusal } = await untilThrottled(() => guess(victim, newAddress(), direct));
  assert.equal(before.length, 10);
  assertRefusal(refusal, 10);
});

test('behind one proxy only the address that the proxy saw counts', async () => {
  const [victim, address] = [await shop.buyer(), newAddress()];
  const { before } = await untilThrottled(() => guess(victim, `${newAddress()}, ${address}`));
  assert.equal(before.length, 10);
});

test('what needs a token is not throttled by these limits', async () => {
  const { access } = await shop.buyer();
  for (let time = 0; time < 70; time += 1) {
    const { status, headers } = await direct.call('GET /list-category/', { token: access });
    assert.deepEqual([status, headers.get('ratelimit-limit')], [200, null]);
  }
});

test('with RATE_LIMITS=off nobody is throttled', async () => {
  const victim = await shop.buyer();
  for (let time = 0; time < 12; time += 1) {
    const { status, headers } = await guess(victim, newAddress(), shop);
    assert.deepEqual([status, headers.get('ratelimit-limit')], [400, null]);
  }
});

test('an IPv6 network of 64 bits counts as one, however its addresses are written', async () => {
  const victim = await shop.buyer();
  const address = newAddress().split(':').slice(0, 3).join(':'); // its fourth group is zero
  const hosts = ['::1', '::2', '::a:b:c:d', ':0:9:8:7:6', '::ffff', ':0000:1::', '::', '::b:1:0:0'];
  let count = 0;
  const { before, refusal } = await untilThrottled(() => {
    count += 1;
    return guess(victim, `${address}${hosts[count % hosts.length]}`);
  });
  assert.equal(before.length, 10);
  assertRefusal(refusal, 10);
  assert.equal((await guess(victim, `${address}:1::1`)).status, 400, 'the network beside it');
});

test('a guesser at many accounts is throttled by network, their owners are not', async () => {
  const victims = [await shop.buyer(), await shop.seller()];
  const network = newAddress().replace('::1', '');
  let count = 0;
  const { before, refusal } = await untilThrottled(() => {
    count += 1;
    const email = victims[count]?.email ?? `user${count}@example.com`;
    return post('login', { email, password: 'x' }, `${network}:${count}:${count}`);
  });
  assert.equal(before.length, 60);
  assertRefusal(refusal, 60);
  for (const { email, password } of victims) {
    const own = await post('login', { email, password }, newAddress());
    assert.equal(own.status, 200);
    const there = await post('login', { email, password }, `${network}:1:1`);
    assertRefusal(there, 60);
  }
});

test('without a trusted proxy no header of the client moves it to another address', async () => {
  const victim = await shop.buyer();
  const { email } = victim;
  const names = ['forwarded', 'x-real-ip', 'x-client-ip', 'cf-connecting-ip', 'true-client-ip'];
  const { before, refusal } = await untilThrottled(() => {
    const headers = Object.fromEntries(
      [...names, 'x-forwarded-for', 'x-forwarded'].map((name) => [name, newAddress()]),
    );
    const body = { email, password: 'a wrong guess' };
    return direct.call('POST /auth/login/', { body, headers });
  });
  assert.ok(before.length <= 10, 'fewer where others of these tests guessed before');
  assert.equal(refusal.status, 429);
});

test('spellings of one email are one account to the limit', async () => {
  const [{ email }, address] = [await shop.buyer(), newAddress()];
  const spell = (count: number): string =>
    [email, email.toUpperCase(), ` ${email}`, `${email}\t`, `\n${email.toUpperCase()} `][
      count % 5
    ] ?? '';
  let count = 0;
  const { before } = await untilThrottled(() => {
    count += 1;
    return post('login', { email: spell(count), password: 'x' }, address);
  });
  assert.equal(before.length, 10);
});
