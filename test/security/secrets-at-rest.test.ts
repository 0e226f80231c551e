import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import type { CallOptions, User } from '../harness.ts';
import { newDatabase, newFolder, query } from '../program-data.ts';
import { cleanUp, type ServedShop, serve } from '../program.ts';
import { closeCode, within } from '../shopping.ts';
import { offer } from '../traffic.ts';
import { Canaries } from './canaries.ts';

// A shop on a database server of its own, used in every way and hurt in some; then all that it
// wrote, answered and stored is searched for what it was told in confidence.

const canary = (name: string): string => `${name}-${randomBytes(12).toString('hex')}`;
const role = `canary_${randomBytes(6).toString('hex')}`;
const rolePassword = canary('role');
const password = canary('user');
const key = canary('key');
const secrets = new Canaries();
const heard = new Canaries(); // kept in the database on purpose, but in no log or answer
const answers: string[] = [];

let shop: ServedShop;
let administration: string;
let ann: User;
before(async () => {
  const { DATABASE_URL } = await newDatabase();
  administration = DATABASE_URL;
  await query(DATABASE_URL, `CREATE ROLE ${role} LOGIN SUPERUSER PASSWORD '${rolePassword}'`);
  const url = DATABASE_URL.replace(/\/\/[^@]*@/, `//${role}:${rolePassword}@`);
  assert.notEqual(url, DATABASE_URL);
  const jwtSecret = canary('jwt-secret-of-some-length');
  const settings = { DATABASE_URL: url, JWT_SECRET: jwtSecret };
  shop = await serve({ ...settings, LOG_LEVEL: 'trace', RATE_LIMITS: 'on', DATA_DIR: newFolder() });
  secrets.add('the secret of the tokens', jwtSecret);
  secrets.add('the password of the database', rolePassword);
  secrets.add('the password of a user', password);
  heard.add('an Idempotency-Key', key);
});
after(async () => {
  const server = String(process.env['SOUK_TEST_DATABASE_URL']);
  await cleanUp();
  await query(server, `DROP ROLE ${role}`);
});

async function call(route: string, options?: CallOptions) {
  const answer = await shop.call(route, options);
  answers.push(answer.text, JSON.stringify([...answer.headers]));
  return answer;
}

/** A call whose answer hands out tokens, which are looked for from then on. */
async function take(name: string, route: string, options: CallOptions) {
  const answer = await shop.call(route, options);
  assert.ok(answer.status < 300, answer.text);
  secrets.addTokens(name, answer.body);
  answers.push(JSON.stringify([...answer.headers]));
  return answer.body;
}

const json = { 'content-type': 'application/json' };
const account = { email: 'ann@example.com', password, user_type: 'viewer' };
const seller = { email: 'sam@example.com', password, user_type: 'creator' };

test('the search finds a secret in every form it may be written in', () => {
  const found = (text: string): number => heard.findIn(`{"x":"--${text}--"}`).length;
  const bytes = Buffer.from(key);
  const forms = [
    key,
    ...['', 'a', 'ab', 'abc'].map((front) => Buffer.from(`${front}${key}!`).toString('base64')),
    bytes.toString('hex'),
    bytes.toString('hex').toUpperCase(),
    [...bytes].map((byte) => `%${byte.toString(16)}`).join(''),
    [...key].toReversed().join(''),
  ];
  for (const form of forms) assert.ok(found(form) > 0, form);
  assert.equal(found(canary('key')), 0);
});

test('a shop is used in every way', async () => {
  ann = await take('Ann', 'POST /auth/register-user/', { body: account });
  const sam = await take('Sam', 'POST /auth/register-user/', { body: seller });
  const body = { refresh: ann.refresh };
  await take('Ann renewed', 'POST /auth/get-access-token/', { body });
  const product = await offer({ call }, sam, 10);
  const line = { product_id: product.id };
  const { access: token } = ann;
  for (const path of [`${token}/?after=0`, `?token=${token}`, `${ann.refresh}/`, `${token}x/`]) {
    const socket = await shop.socket(`/ws/notifications/${path}`);
    if (socket.raw.readyState === socket.raw.OPEN) socket.raw.close();
    await closeCode(socket);
  }
  const { ticket } = await take('a ticket', 'POST /auth/ws-ticket/', { token });
  await take('an unused ticket', 'POST /auth/ws-ticket/', { token });
  const socket = await shop.socket(`/ws/notifications/${ticket}/?after=0`);
  await call('POST /cart/', { token, body: line });
  const headers = { 'idempotency-key': key };
  for (const status of [201, 201]) {
    const sent = { token, body: { products: [line] }, headers };
    assert.equal((await call('POST /place-order/', sent)).status, status);
  }
  await socket.receive(1);
  answers.push(JSON.stringify(socket.messages));
  await socket.close();
  const mismatch = { token, body: { products: [line, line] }, headers };
  assert.equal((await call('POST /place-order/', mismatch)).status, 422);
  assert.equal((await call('GET /list-user-order/', { token })).status, 200);
});

test('it refuses what it is right to refuse', async () => {
  const login = { email: account.email, password };
  const refusals: [route: string, options: CallOptions, status: number][] = [
    ['POST /auth/register-user/', { body: account }, 400],
    ['POST /auth/login/', { raw: `{"password":"${password}",}`, headers: json }, 400],
    ['POST /auth/login/', { raw: `"${password}"`, headers: json }, 400],
    ['POST /auth/login/', { body: { email: password } }, 400],
    ['POST /auth/login/', { raw: `password=${password}`, headers: { 'content-type': 'x/y' } }, 415],
    [`GET /cart/?token=${ann.access}`, {}, 401],
    [`GET /${ann.access}/${password}`, {}, 404],
    ['POST /place-order/', { token: ann.access, headers: { 'idempotency-key': `${key}é` } }, 400],
  ];
  for (const [route, options, status] of refusals) {
    assert.equal((await call(route, options)).status, status, route.slice(0, 30));
  }
  let throttled = 0;
  for (let time = 0; time < 12; time += 1) {
    const body = { ...login, password: `${password}x` };
    if ((await call('POST /auth/login/', { body })).status === 429) throttled += 1;
  }
  assert.ok(throttled > 0);
});

test('it loses its database, by force and by password, and finds it again', async () => {
  const [{ name } = { name: '' }] = await query(
    administration,
    'SELECT current_database() AS name',
  );
  const server = String(process.env['SOUK_TEST_DATABASE_URL']);
  const isUp = (status: number) => async () =>
    assert.equal((await call('GET /list-category/', { token: ann.access })).status, status);
  const hurt = async (harm: string, relief: string): Promise<void> => {
    await query(server, harm);
    await query(
      server,
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE usename = '${role}'`,
    );
    await within(10_000, isUp(503));
    await call('POST /auth/login/', { body: { email: account.email, password } });
    const socket = await shop.socket(`/ws/notifications/${ann.access}/`);
    await socket.close();
    await query(server, relief);
    await within(20_000, isUp(200));
  };
  await hurt(
    `ALTER DATABASE ${name} ALLOW_CONNECTIONS false`,
    `ALTER DATABASE ${name} ALLOW_CONNECTIONS true`,
  );
  await hurt(
    `ALTER ROLE ${role} PASSWORD 'another one'`,
    `ALTER ROLE ${role} PASSWORD '${rolePassword}'`,
  );
});

/** Every table as text: what a dump holds. */
async function dump(): Promise<string> {
  const tables = await query(
    administration,
    `SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'`,
  );
  assert.ok(tables.length > 10);
  const found: string[] = [];
  for (const { table_name: table } of tables) {
    const rows = await query(administration, `SELECT t::text AS row FROM ${table} t`);
    found.push(...rows.map(({ row }) => row));
  }
  return found.join('\n');
}

test('none of what it was told is in its output, answers, documents or tables', async () => {
  const body = { refresh: ann.refresh };
  await call('POST /auth/logout/', { token: ann.access, body });
  const stored = await dump();
  assert.match(stored, /\$argon2id\$/);
  assert.equal(heard.findIn(stored).length, 1, 'the dump is of this shop');
  const places = new Map([
    ['the output', shop.output()],
    ['the metrics', (await shop.call('GET /metrics')).text],
    ['the document', (await shop.call('GET /openapi.json')).text],
    ['the page', (await shop.call('GET /docs')).text],
    ['the answers', answers.join('\n')],
  ]);
  assert.match(shop.output(), /Database connection lost|not available/);
  const leaks = [...places].flatMap(([place, text]) =>
    [...secrets.findIn(text), ...heard.findIn(text)].map((secret) => `${secret} is in ${place}`),
  );
  leaks.push(...secrets.findIn(stored).map((secret) => `${secret} is in the database`));
  assert.deepEqual(leaks, []);
});
