import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Answer, Json, User } from '../harness.ts';
import { newDatabase, query } from '../program-data.ts';
import { cleanUp, type Exit, run, type ServedShop, serve } from '../program.ts';
import { within } from '../shopping.ts';
import { offer, register } from '../traffic.ts';

after(cleanUp);

let settings: { DATABASE_URL: string };
let shop: ServedShop;
before(async () => {
  settings = await newDatabase();
  shop = await serve(settings);
});

const souk = (...args: string[]): Promise<Exit> => run(args, settings);

/** The output of a command that must succeed. */
async function done(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await souk('user', ...args);
  assert.deepEqual([code, stderr], [0, '']);
  return stdout;
}

const logIn = ({ email, password }: User): Promise<Answer> =>
  shop.call('POST /auth/login/', { body: { email, password } });

const cart = ({ access }: User): Promise<Answer> => shop.call('GET /cart/', { token: access });

/** Nobody gets in with what this user has: neither tokens nor the password. */
async function isOut(user: User): Promise<void> {
  await within(1_000, async () => assert.equal((await cart(user)).status, 401));
  const { refresh } = user;
  const refreshed = await shop.call('POST /auth/get-access-token/', { body: { refresh } });
  assert.deepEqual([refreshed.status, refreshed.body], [400, { error: 'Token is blacklisted' }]);
  const wrong = await logIn({ ...user, password: 'another password' });
  const { status, text } = await logIn(user);
  assert.deepEqual([status, text], [wrong.status, wrong.text]);
  assert.deepEqual([status, text], [400, '{"error":"Invalid email or password."}']);
}

const tables = ['users', 'sessions', 'account_changes'];
const everyRow = (): Promise<Json[][]> =>
  Promise.all(tables.map((table) => query(settings.DATABASE_URL, `TABLE ${table}`)));

const time = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`;

test('who is disabled is out, and who is enabled logs in anew', async () => {
  const ann = await register(shop, 'viewer');
  const phone: User = { ...ann, ...(await logIn(ann)).body };
  const disabled = await done('disable', ann.email.toUpperCase());
  const name = `${ann.email} \\(user ${ann.id}\\)`;
  assert.match(disabled, new RegExp(`^Disabled ${name} at ${time}. Sessions ended: 2.\n$`));
  for (const session of [ann, phone]) await isOut(session);

  assert.equal(
    await done('enable', ann.email),
    `Enabled ${ann.email} (user ${ann.id}): it can log in again.\n`,
  );
  const { status, body } = await logIn(ann);
  assert.equal(status, 200);
  assert.equal((await cart(body)).status, 200);
  for (const session of [ann, phone]) assert.equal((await cart(session)).status, 401);
});

test('to do it twice changes nothing', async () => {
  const bob = await register(shop, 'viewer');
  const name = `${bob.email} (user ${bob.id})`;
  assert.equal(await done('enable', bob.email), `${name} is not disabled.\n`);
  const [, at] = /at (\S+)\. Sessions/.exec(await done('disable', bob.email)) ?? [];
  const before = await everyRow();
  assert.equal(await done('disable', bob.email), `${name} is disabled already, since ${at}.\n`);
  assert.deepEqual(await everyRow(), before);
});

test('an operator can be put out, and getting a role does not let one in', async () => {
  const olga = await register(shop, 'creator');
  await souk('operator', 'create', olga.email);
  const session: User = { ...olga, ...(await logIn(olga)).body };
  assert.match(await done('disable', String(olga.id)), /Sessions ended: 1\.\n$/);
  await isOut(session);
  const { stdout } = await souk('operator', 'create', olga.email);
  assert.match(stdout, /has an account already.*\nIt is disabled: see souk user --help\.\n$/);
  await isOut(session);
});

test('show tells the state, the live sessions and who did what, when and why', async () => {
  const cleo = await register(shop, 'viewer');
  const { id, email } = cleo;
  await logIn(cleo);
  const described = (...lines: string[]): RegExp => new RegExp(`^${lines.join('\n')}\n$`);
  const head = [`Email:          ${email}`, `User:           ${id}`];
  assert.match(
    await done('show', email),
    described(...head, 'Role:           buyer', 'State:          enabled', 'Live sessions:  2'),
  );
  await souk('seller', 'create', email);
  await logIn(cleo);
  await done('disable', email, '--reason', ' sells what is not hers ');
  await done('enable', email);
  await done('disable', String(id));
  assert.match(
    await done('show', String(id)),
    described(
      ...head,
      'Role:           seller',
      `State:          disabled since ${time}`,
      'Live sessions:  0',
      `${time}  disabled by \\S+@\\S+, sessions ended: 0`,
      `${time}  enabled by \\S+@\\S+`,
      `${time}  disabled by \\S+@\\S+, sessions ended: 1: sells what is not hers`,
      `${time}  made seller by \\S+@\\S+, sessions ended: 2`,
    ),
  );
});

test('what a disabled seller offers stays on sale, and its orders stay', async () => {
  const [seller, buyer] = [await register(shop, 'creator'), await register(shop, 'viewer')];
  const bell = await offer(shop, seller, 5);
  const body = { products: [{ product_id: bell.id }] };
  const buy = () => shop.call('POST /place-order/', { token: buyer.access, body });
  assert.equal((await buy()).status, 201);
  await done('disable', seller.email);
  assert.equal((await buy()).status, 201);
  const { body: orders } = await shop.call('GET /list-user-order/', { token: buyer.access });
  assert.deepEqual(
    orders.results.map((one: Json) => one.status),
    ['pending', 'pending'],
  );
});

test('mistakes are named, and nothing changes', async () => {
  const dora = await register(shop, 'viewer');
  const usage = /^Usage: souk user disable <email>/;
  const line = /^--reason takes one line of 1 to 500 characters\.\n$/;
  const mistakes: [args: string[], words: RegExp][] = [
    [
      ['disable', 'nobody@example.com'],
      /^There is no account with the email nobody@example\.com\./,
    ],
    [['disable', '99999999999'], /^There is no account with the id 99999999999\.\n$/],
    [['disable', dora.email, '--reason', 'red \u001b[31m'], line],
    [['show', dora.email, '--reason', 'why'], /^"show" takes no --reason\.\n$/],
    [['constructor', dora.email], usage],
    [['disable', dora.email, 'bob@example.com'], usage],
    [['disable', dora.email, '--force'], /'--force'/],
  ];
  const before = await everyRow();
  await Promise.all(
    mistakes.map(async ([args, words]) => {
      const { code, stdout, stderr } = await souk('user', ...args);
      assert.deepEqual([code, stdout], [2, ''], args.join(' '));
      assert.match(stderr, words);
    }),
  );
  assert.deepEqual(await everyRow(), before);
  assert.equal((await cart(dora)).status, 200);
});
