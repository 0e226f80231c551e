import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { disableAccount } from '../../src/features/accounts/standing.ts';
import { openShop, type TestShop, type User } from '../harness.ts';

let shop: TestShop;
let ann: User;
let out: User;
before(async () => {
  shop = await openShop();
  [ann, out] = [await shop.buyer(), await shop.buyer()];
  await disableAccount(shop.context, out.email, { by: 'a test' });
});
after(() => shop.close());

test('neither the answer nor its time tells that an account is disabled', async (t) => {
  const attempts = {
    'a wrong password': { email: ann.email, password: 'not hers' },
    'nobody’s email': { email: 'nobody@example.com', password: ann.password },
    'disabled, the right password': { email: out.email, password: out.password },
    'disabled, a wrong password': { email: out.email, password: 'not theirs' },
  };
  const took = new Map<string, number[]>(Object.keys(attempts).map((name) => [name, []]));
  const answers = new Set<string>();
  for (let round = 0; round < 15; round += 1) {
    for (const [name, body] of Object.entries(attempts)) {
      const began = performance.now();
      const { status, text, headers } = await shop.call('POST /auth/login/', { body });
      if (round > 0) took.get(name)?.push(performance.now() - began); // the first is colder
      answers.add(`${status} ${text} ${[...headers.keys()].join()}`);
    }
  }
  assert.equal(answers.size, 1, [...answers].join('\n'));
  assert.match([...answers].join(), /^400 \{"error":"Invalid email or password\."\}/);
  const times = [...took].map(([name, all]) => {
    const ms = Math.min(...all); // of each the fastest, which no other program held up
    t.diagnostic(`${ms.toFixed(1)} ms: ${name}`);
    return ms;
  });
  assert.ok(Math.min(...times) > Math.max(...times) / 2); // without the hash: a tenth
});

test('a disabled account’s email stays taken', async () => {
  const body = { email: out.email.toUpperCase(), password: 'a new password', user_type: 'viewer' };
  const { status, body: answer } = await shop.call('POST /auth/register-user/', { body });
  assert.deepEqual([status, answer], [400, { email: ['user with this email already exists.'] }]);
});
