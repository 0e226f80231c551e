import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Answer, Json, User } from '../harness.ts';
import { newDatabase, query } from '../program-data.ts';
import { cleanUp, run, type ServedShop, serve } from '../program.ts';
import { within } from '../shopping.ts';
import { offer, register } from '../traffic.ts';

after(cleanUp);

let settings: { DATABASE_URL: string };
let shop: ServedShop;
let bell: Json;
before(async () => {
  settings = await newDatabase();
  shop = await serve({ ...settings, SELLER_SIGNUP: 'closed' });
  const seller = await run(['seller', 'create', 'cleo@example.com'], settings);
  const { body } = await logIn('cleo@example.com', passwordIn(seller.stdout));
  bell = await offer(shop, { access: body.access } as User, 10);
});

const logIn = (email: string, password: string): Promise<Answer> =>
  shop.call('POST /auth/login/', { body: { email, password } });

const passwordIn = (stdout: string): string => /^Password: (\S+)$/m.exec(stdout)?.[1] ?? '';

const rename = (token: string, name: string): Promise<Answer> =>
  shop.call('PATCH /product/', { token, body: { id: bell.id, name } });

const rolesOf = async (email: string): Promise<string[]> => {
  const rows = await query(settings.DATABASE_URL, 'SELECT role FROM users WHERE email = $1', [
    email,
  ]);
  return rows.map(({ role }) => role);
};

test('a new operator gets a password that works, and may edit what any seller made', async () => {
  const { code, stdout, stderr } = await run(['operator', 'create', 'olga@example.com'], settings);
  assert.deepEqual([code, stderr], [0, '']);
  assert.match(stdout, /^Created the operator olga@example\.com\nPassword: \S{16,}\n$/);
  const { status, body } = await logIn('olga@example.com', passwordIn(stdout));
  assert.equal(status, 200);
  const renamed = await rename(body.access, 'Gong');
  assert.deepEqual([renamed.status, renamed.body], [200, { ...bell, name: 'Gong' }]);
});

test('a seller made on the command line sells, but does not edit what others made', async () => {
  const account = { email: 'sam@example.com', password: 'a long password', user_type: 'creator' };
  const refused = await shop.call('POST /auth/register-user/', { body: account });
  assert.equal(refused.status, 400);
  assert.deepEqual(Object.keys(refused.body), ['user_type']);
  const made = await run(['seller', 'create', account.email], settings);
  assert.match(made.stdout, /^Created the seller sam@example\.com\nPassword: \S{16,}\n$/);
  const { body } = await logIn(account.email, passwordIn(made.stdout));
  assert.equal((await offer(shop, { access: body.access } as User, 3)).stock, 3);
  assert.equal((await rename(body.access, 'Mine')).status, 404);
});

test('an account that exists gets the role, keeps its password, and is logged out', async () => {
  const ann = await register(shop, 'viewer');
  assert.equal((await shop.call('GET /cart/', { token: ann.access })).status, 200);
  const email = ann.email.toUpperCase();
  const { code, stdout } = await run(['operator', 'create', email], settings);
  assert.equal(code, 0);
  assert.equal(
    stdout,
    `${email} has an account already; it is a operator now, with its old password.\n`,
  );
  await within(1_000, async () => {
    assert.equal((await shop.call('GET /cart/', { token: ann.access })).status, 401);
  });
  const { body } = await logIn(ann.email, ann.password);
  assert.equal((await rename(body.access, 'Triangle')).status, 200);
  assert.deepEqual(await rolesOf(ann.email), ['operator']);
});

test('a password from standard input is used and not shown', async () => {
  const args = ['operator', 'create', 'otto@example.com', '--password-stdin'];
  const input = 'correct horse battery\n';
  const { code, stdout, stderr } = await run(args, settings, { input });
  assert.deepEqual([code, stderr], [0, '']);
  assert.equal(stdout, 'Created the operator otto@example.com\n');
  assert.equal((await logIn('otto@example.com', 'correct horse battery')).status, 200);
});

test('a weak password and a bad email are refused, and nothing is made', async () => {
  const weak = ['operator', 'create', 'weak@example.com', '--password-stdin'];
  const refusals: [args: string[], input: string, words: RegExp][] = [
    [weak, 'password', /^This password is too common\.\n$/],
    [weak, '', /^This password is too short\./],
    [['operator', 'create', 'nobody'], '', /^"nobody" is not an email address\.\n$/],
    [['seller', 'create', 'a@b'], '', /^"a@b" is not an email address\.\n$/],
    [['operator'], '', /^Usage: souk operator create <email>/],
    [['operator', 'delete', 'ann@example.com'], '', /^Usage: souk operator create <email>/],
    [['seller', 'create', 'a@example.com', 'b@example.com'], '', /^Usage: souk seller create/],
  ];
  const users = 'SELECT email, role FROM users ORDER BY id';
  const before = await query(settings.DATABASE_URL, users);
  await Promise.all(
    refusals.map(async ([args, input, words]) => {
      const { code, stdout, stderr } = await run(args, settings, { input });
      assert.deepEqual([code, stdout], [2, '']);
      assert.match(stderr, words);
    }),
  );
  assert.deepEqual(await query(settings.DATABASE_URL, users), before);
});
