import { createHash, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import pg from 'pg';
import { type App, buildApp } from '../src/app.ts';
import { invariants } from '../src/commands/invariants.ts';
import { parseConfig } from '../src/config.ts';
import { type Context, openContext } from '../src/context.ts';
import { changeRole } from '../src/features/accounts/standing.ts';
import { projectRoot } from '../src/kernel/root.ts';
import { type TestSocket, openSocket } from './socket.ts';

export const jwtSecret = 'a secret of the tests, longer than 32 bytes';

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  /** the parsed body; each test knows its shape */
  body: Json;
}

/** Whatever JSON came back: tests compare it, or reach into it. */
// biome-ignore lint: the one place where the shape is unknown on purpose
export type Json = ReturnType<typeof JSON.parse>;

export interface CallOptions {
  token?: string | undefined;
  body?: unknown;
  headers?: Record<string, string>;
  /** sent as it is, with the Content-Type of `headers` */
  raw?: string | Buffer;
}

export interface User {
  id: number;
  email: string;
  password: string;
  access: string;
  refresh: string;
}

/** One running node of a shop: real HTTP and sockets on a port of its own. */
export interface TestNode {
  url: string;
  context: Context;
  app: App;
  /** A request; `GET /path` and the like. */
  call(route: string, options?: CallOptions): Promise<Answer>;
  socket(path: string, headers?: Record<string, string>): Promise<TestSocket>;
  close(): Promise<void>;
}

/** A shop on a fresh database of its own. */
export interface TestShop extends TestNode {
  databaseUrl: string;
  buyer(): Promise<User>;
  seller(): Promise<User>;
  operator(): Promise<User>;
  category(seller: User): Promise<Json>;
  /** A product of the seller, in a new category unless one is given. */
  product(seller: User, fields?: Record<string, unknown>): Promise<Json>;
  /** Another node on the same database and Redis. */
  node(settings?: Record<string, string>): Promise<TestNode>;
  /** The rows that violate an invariant; none when all is well. */
  violations(): Promise<object[]>;
}

const administration = process.env['SOUK_TEST_DATABASE_URL'];
export const redisUrl = process.env['SOUK_TEST_REDIS_URL'];

/**
 * Opens a shop for one test file. Rate limits are off unless `settings` say otherwise.
 * @param options.patient its statements have no time-outs, for tests that hold locks for long
 */
export async function openShop(
  settings: Record<string, string> = {},
  options: { patient?: boolean } = {},
): Promise<TestShop> {
  const databaseUrl = await createDatabase();
  const nodes: TestNode[] = [];
  const node = async (more: Record<string, string> = {}): Promise<TestNode> => {
    const all = { DATABASE_URL: databaseUrl, ...settings, ...more };
    const opened = await openNode(all, options);
    nodes.push(opened);
    return opened;
  };
  const first = await node();
  const { call, context } = first;

  const register = async (userType: string): Promise<User> => {
    const email = `${randomBytes(6).toString('hex')}@example.com`;
    const password = randomBytes(9).toString('base64url');
    const { status, body, text } = await call('POST /auth/register-user/', {
      body: { email, password, user_type: userType },
    });
    if (status !== 201) throw new Error(`register: ${status} ${text}`);
    return { id: body.user.id, email, password, access: body.access, refresh: body.refresh };
  };
  const make = async (route: string, token: string, body: object): Promise<Json> => {
    const answer = await call(route, { token, body });
    if (answer.status !== 201) throw new Error(`${route}: ${answer.status} ${answer.text}`);
    return answer.body;
  };
  const category = (seller: User): Promise<Json> =>
    make('POST /category/', seller.access, { name: 'Things', description: 'All sorts' });

  return {
    ...first,
    databaseUrl,
    buyer: () => register('viewer'),
    seller: () => register('creator'),
    async operator() {
      const user = await register('creator');
      await changeRole(context, user.email, { role: 'operator', by: 'a test' });
      const { email, password } = user;
      const { body } = await call('POST /auth/login/', { body: { email, password } });
      return { ...user, access: body.access, refresh: body.refresh };
    },
    category,
    async product(seller, fields = {}) {
      const category_id = fields['category_id'] ?? (await category(seller)).id;
      const usual = { name: 'Bell', description: 'It rings', price: 19.99, stock: 10 };
      return make('POST /product/', seller.access, { ...usual, ...fields, category_id });
    },
    node,
    async violations() {
      const found = [];
      for (const { query } of invariants) found.push(...(await context.db.rows<object>(query)));
      return found;
    },
    async close() {
      for (const one of nodes) await one.close();
      await dropDatabase(databaseUrl);
    },
  };
}

async function openNode(
  settings: Record<string, string>,
  options: { patient?: boolean },
): Promise<TestNode> {
  const config = parseConfig({
    PORT: '0',
    JWT_SECRET: jwtSecret,
    RATE_LIMITS: 'off',
    LOG_LEVEL: process.env['LOG_LEVEL'] ?? 'silent',
    REDIS_URL: redisUrl,
    ...settings,
  });
  const context = await openContext(config, options);
  const app = await buildApp(context);
  await app.http.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.http.server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  return {
    url,
    context,
    app,
    call: (route, options) => callApi(url, route, options),
    socket: (path, headers) => openSocket(`${url.replace('http', 'ws')}${path}`, headers),
    async close() {
      await app.close();
      await context.close();
    },
  };
}

/** One HTTP request to a shop at `url`. */
export async function callApi(
  url: string,
  route: string,
  options: CallOptions = {},
): Promise<Answer> {
  const { token, body, headers = {}, raw } = options;
  const [method = '', path = ''] = route.split(' ', 2);
  const sent: Record<string, string> = { ...headers };
  if (token !== undefined) sent['authorization'] = `Bearer ${token}`;
  if (body !== undefined) sent['content-type'] = 'application/json';
  const content = raw ?? (body === undefined ? undefined : JSON.stringify(body));
  const answer = await fetch(url + path, { method, headers: sent, body: content ?? null });
  const text = await answer.text();
  const isJson = answer.headers.get('content-type')?.startsWith('application/json');
  return {
    status: answer.status,
    headers: answer.headers,
    text,
    body: isJson && text !== '' ? JSON.parse(text) : undefined,
  };
}

async function administer<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
  if (administration === undefined) throw new Error('Run the tests with: npm test');
  const client = new pg.Client({ connectionString: administration });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** A new database, copied from one that is migrated once for each state of the migrations. */
async function createDatabase(): Promise<string> {
  const hash = createHash('sha256');
  const folder = join(projectRoot(), 'migrations');
  for (const file of readdirSync(folder).toSorted()) hash.update(readFileSync(join(folder, file)));
  const template = `template_${hash.digest('hex').slice(0, 16)}`;
  const name = `test_${randomBytes(8).toString('hex')}`;
  await administer(async (client) => {
    await client.query('SELECT pg_advisory_lock(1)');
    const found = await client.query('SELECT FROM pg_database WHERE datname = $1', [template]);
    if (found.rowCount === 0) {
      await client.query(`CREATE DATABASE making_${template}`);
      const config = parseConfig({
        DATABASE_URL: urlOf(`making_${template}`),
        JWT_SECRET: jwtSecret,
        LOG_LEVEL: 'silent',
      });
      const context = await openContext(config);
      await context.close();
      await client.query(`ALTER DATABASE making_${template} RENAME TO ${template}`);
    }
    await client.query(`CREATE DATABASE ${name} TEMPLATE ${template}`);
  });
  return urlOf(name);
}

async function dropDatabase(url: string): Promise<void> {
  const name = new URL(url.replace('@/', '@localhost/')).pathname.slice(1);
  await administer((client) => client.query(`DROP DATABASE ${name} WITH (FORCE)`));
}

/** The address of another database on the same server. */
function urlOf(database: string): string {
  return String(administration).replace(/^([^?]*\/)[^/?]*/, `$1${database}`);
}
