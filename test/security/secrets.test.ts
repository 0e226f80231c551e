import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Answer, CallOptions, User } from '../harness.ts';
import { newDataDir, query, urlOfDataDir } from '../program-data.ts';
import { cleanUp, freePort, run, type ServedShop, serve } from '../program.ts';
import { closeCode } from '../shopping.ts';
import { offer } from '../traffic.ts';
import { Canaries } from './canaries.ts';

after(cleanUp);

const redisPassword = `canary-${randomBytes(12).toString('hex')}`;
const password = `Canary-${randomBytes(12).toString('hex')}`;
const shortPassword = `cnry${randomBytes(2).toString('hex')}`; // the shortest allowed
const wrongPassword = `Wrong-${randomBytes(12).toString('hex')}`;

let shop: ServedShop;
let dataDir: string;
/** what must never be seen */
const secrets = new Canaries();
/** every answer that is not the one which hands the secret out */
const answers: string[] = [];

before(async () => {
  dataDir = newDataDir();
  const redis = `redis://:${redisPassword}@127.0.0.1:${await freePort()}`;
  shop = await serve({ DATA_DIR: dataDir, LOG_LEVEL: 'trace', REDIS_URL: redis });
  secrets.add('the password of Redis', redisPassword);
  secrets.add('the password of a user', password);
  secrets.add('a wrong password', wrongPassword);
  secrets.add('a short password', shortPassword);
  secrets.add('the hash of a password', '$argon2');
  for (const name of ['jwt-secret', 'database-password']) {
    secrets.add(`the file ${name}`, readFileSync(join(dataDir, name), 'utf8').trim());
  }
});

/** A request whose answer holds no secret. */
async function call(route: string, options?: CallOptions): Promise<Answer> {
  const answer = await shop.call(route, options);
  answers.push(answer.text, JSON.stringify([...answer.headers]));
  return answer;
}

/** Keeps the tokens that an answer hands out: whole, and the part that makes each valid. */
function keepTokens(name: string, answer: Answer): User {
  assert.ok(answer.status === 200 || answer.status === 201, answer.text);
  secrets.addTokens(name, answer.body);
  answers.push(JSON.stringify([...answer.headers]));
  return answer.body;
}

/** Opens a socket and waits for its end, if it ends. */
async function knock(path: string): Promise<void> {
  const socket = await shop.socket(path);
  if (socket.raw.readyState === socket.raw.OPEN) socket.raw.close();
  await closeCode(socket);
}

/** Nothing that the server wrote or answered holds a secret. */
async function nothingLeaked(): Promise<void> {
  const places = new Map([
    ['the output', shop.output()],
    ['the log of the database', readFileSync(join(dataDir, 'postgres.log'), 'utf8')],
    ['the metrics', (await shop.call('GET /metrics')).text],
    ['the answers', answers.splice(0).join('\n')],
  ]);
  const leaks: string[] = [];
  for (const [place, text] of places) {
    assert.ok(text.length > 0 || place === 'the log of the database', place);
    leaks.push(...secrets.findIn(text).map((secret) => `${secret} is in ${place}`));
  }
  assert.deepEqual(leaks, []);
}

const email = 'ann@example.com';
const account = { email, password, user_type: 'creator' };
const login = { email, password };
const refreshRoute = 'POST /auth/get-access-token/';

test('a life with tokens and tickets leaves none of them behind', async () => {
  keepTokens('Ann', await shop.call('POST /auth/register-user/', { body: account }));
  const { access, refresh } = keepTokens(
    'Ann again',
    await shop.call('POST /auth/login/', { body: login }),
  );
  keepTokens('Ann refreshed', await shop.call(refreshRoute, { body: { refresh } }));
  for (const path of [`${access}/`, `?token=${access}`, `${refresh}/`, `${access}x/?after=0`]) {
    await knock(`/ws/notifications/${path}`);
  }
  for (const path of ['', '?token=']) {
    const { body } = await shop.call('POST /auth/ws-ticket/', { token: access });
    secrets.add(`a ticket in ${path}`, body.ticket);
    await knock(`/ws/notifications/${path}${body.ticket}`);
    await knock(`/ws/notifications/${path}${body.ticket}`); // used up
  }
  await offer({ call }, { access } as User, 3);
  await call('POST /auth/logout/', { token: access, body: { refresh } });
  assert.equal((await call('GET /cart/', { token: access })).status, 401);
  assert.equal((await call(refreshRoute, { body: { refresh } })).status, 400);
  await nothingLeaked();
});

test('what is refused is not repeated', async () => {
  const json = { 'content-type': 'application/json' };
  const { access, refresh } = keepTokens(
    'Ann once more',
    await shop.call('POST /auth/login/', { body: login }),
  );
  const refusals: [route: string, options: CallOptions, status: number][] = [
    ['POST /auth/register-user/', { body: account }, 400],
    ['POST /auth/register-user/', { body: { ...account, user_type: 'king' } }, 400],
    ['POST /auth/register-user/', { body: { password } }, 400],
    ['POST /auth/login/', { body: { ...login, password: wrongPassword } }, 400],
    ['POST /auth/login/', { raw: `{"password":"${password}", email}`, headers: json }, 400],
    ['POST /auth/login/', { raw: `{"email":"a", "password":${password}}`, headers: json }, 400],
    ['POST /auth/login/', { raw: `{"password":${shortPassword}}`, headers: json }, 400],
    ['POST /auth/login/', { raw: `{"password":"${shortPassword}`, headers: json }, 400],
    ['POST /auth/login/', { raw: shortPassword, headers: json }, 400],
    ['POST /auth/login/', { raw: password, headers: json }, 400],
    ['POST /auth/login/', { raw: `password=${password}`, headers: { 'content-type': 'x/y' } }, 415],
    [refreshRoute, { body: { refresh: `${refresh}x` } }, 400],
    [refreshRoute, { body: { refresh: access } }, 400],
    [refreshRoute, { raw: `{"refresh":"${refresh}`, headers: json }, 400],
    ['GET /cart/', { headers: { authorization: `Token ${access}` } }, 401],
    ['GET /cart/', { headers: { authorization: `Bearer ${access} ${refresh}` } }, 401],
    ['GET /cart/', { token: refresh }, 401],
    [`GET /ws/notifications/${access}/`, {}, 404],
    [`GET /list-product/?token=${access}&password=${password}`, { token: access }, 200],
    [`GET /nowhere/${access}?token=${refresh}`, { token: access }, 404],
    [`PUT /cart/?token=${access}`, { token: access }, 405],
  ];
  for (const [route, options, status] of refusals) {
    const answer = await call(route, options);
    assert.equal(answer.status, status, `${route.slice(0, 30)} ${answer.text}`);
  }
  await nothingLeaked();
});

test('what goes wrong inside is logged without the secrets of the row it was about', async () => {
  const database = urlOfDataDir(dataDir);
  const breakTable = (table: string) =>
    query(database, `ALTER TABLE ${table} ADD CONSTRAINT broken CHECK (false) NOT VALID`);
  const { access, refresh } = keepTokens(
    'Ann at last',
    await shop.call('POST /auth/login/', { body: login }),
  );
  await breakTable('socket_tickets');
  assert.equal((await call('POST /auth/ws-ticket/', { token: access })).status, 500);
  await breakTable('users');
  const bob = { ...account, email: 'bob@example.com' };
  assert.equal((await call('POST /auth/register-user/', { body: bob })).status, 500);
  await breakTable('sessions');
  assert.equal((await call('POST /auth/login/', { body: login })).status, 500);
  const logout = await call('POST /auth/logout/', { token: access, body: { refresh } });
  assert.equal(logout.status, 500);
  await query(database, 'ALTER TABLE users RENAME COLUMN email TO mail');
  assert.equal((await call('POST /auth/login/', { body: login })).status, 500);
  assert.match(shop.output(), /request failed/);
  await nothingLeaked();
});

test('the files with secrets are readable by their owner alone', async () => {
  for (const name of ['jwt-secret', 'database-password']) {
    assert.equal(statSync(join(dataDir, name)).mode & 0o077, 0, name);
  }
  assert.equal(statSync(join(dataDir, 'postgres')).mode & 0o077, 0);
});

test('commands show no secret of the shop', async () => {
  const settings = { DATA_DIR: dataDir, LOG_LEVEL: 'trace' };
  const { stdout, stderr } = await run(['verify'], settings);
  answers.push(stdout, stderr);
  await nothingLeaked();
});
