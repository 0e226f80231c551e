import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { get } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import pg from 'pg';
import { type Bench, type DatabaseServer, type Souk, until } from './bench.ts';
import type { Child } from './processes.ts';

const READY_MS = 60_000;
const POLL_MS = 5;

interface Started {
  child: Child;
  url: string;
  readyMs: number;
}

/** Starts a server program and waits for the first 200 of /readyz. */
export async function startServer(
  bench: Pick<Bench, 'processes' | 'environment' | 'folder' | 'signal'>,
  {
    program,
    dataDir,
    settings,
  }: {
    /** what node runs, with its arguments */
    program: string[];
    dataDir: string;
    settings?: Record<string, string>;
  },
): Promise<Started> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const began = performance.now();
  const child = bench.processes.start({
    file: process.execPath,
    args: program,
    env: { ...bench.environment, PORT: String(port), DATA_DIR: dataDir, ...settings },
    cwd: bench.folder,
  });
  let ended = false;
  void child.exited.then(() => (ended = true));
  await until('/readyz', { ms: READY_MS, everyMs: POLL_MS, signal: bench.signal }, async () => {
    if (ended) throw new Error(`The shop did not start.\n${child.output()}`);
    return isReady(`${url}/readyz`);
  });
  return { child, url, readyMs: performance.now() - began };
}

/** A shop of its own in a new folder, without anything in it. */
export async function startSouk(
  bench: Bench,
  dataDir: string,
  { workers = 1 }: { workers?: number } = {},
): Promise<Souk> {
  const { main, root } = bench.places;
  const jwtSecret = randomBytes(32).toString('base64url');
  const settings = {
    RATE_LIMITS: 'off',
    DEMO_DATA: 'off',
    LOG_LEVEL: 'warn',
    JWT_SECRET: jwtSecret,
    ACCESS_TOKEN_MINUTES: '1440',
    ...(bench.redisUrl && { REDIS_URL: bench.redisUrl }),
  };
  const flags = bench.profile ? ['--cpu-prof', `--cpu-prof-dir=${bench.profile}`] : [];
  const program = [...flags, main, 'serve', `--workers=${workers}`];
  const { child, url } = await startServer(bench, { program, dataDir, settings });
  const database = {
    host: join(dataDir, 'run'),
    user: 'souk',
    password: (await readFile(join(dataDir, 'database-password'), 'utf8')).trim(),
  };
  return {
    url,
    child,
    dataDir,
    database,
    jwtSecret,
    command: (args, name) =>
      bench.processes.run({
        file: process.execPath,
        args: [main, ...args],
        env: {
          ...bench.environment,
          DATA_DIR: dataDir,
          JWT_SECRET: jwtSecret,
          ...(name && { DATABASE_URL: urlOf(database, name) }),
        },
        cwd: root,
      }),
  };
}

const urlOf = ({ user, password, host }: DatabaseServer, name: string): string =>
  `postgres://${user}:${password}@/${name}?host=${encodeURIComponent(host)}`;

/** Statements on one database of the shop's server, over a connection of their own. */
export async function withDatabase<T>(
  server: DatabaseServer,
  name: string,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({ ...server, port: 5432, database: name });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

function isReady(url: string): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get(url, { agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.on('error', () => resolve(false));
  });
}
