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
  bench: Bench,
  {
    program,
    dataDir,
    settings,
  }: {
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
    args: [...program, 'serve'],
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

export async function startSouk(bench: Bench, dataDir: string): Promise<Souk> {
  const { main, root } = bench.places;
  const settings = { RATE_LIMITS: 'off', DEMO_DATA: 'on', LOG_LEVEL: 'warn' };
  const flags = bench.profile ? ['--cpu-prof', `--cpu-prof-dir=${bench.profile}`] : [];
  const program = [...flags, main];
  const { child, url } = await startServer(bench, { program, dataDir, settings });
  const database = {
    host: join(dataDir, 'run'),
    user: 'souk',
    password: (await readFile(join(dataDir, 'database-password'), 'utf8')).trim(),
  };
  return {
    url,
    child,
    database,
    command: (args, name) =>
      bench.processes.run({
        file: process.execPath,
        args: [main, ...args],
        env: {
          ...bench.environment,
          DATA_DIR: dataDir,
          ...(name && { DATABASE_URL: urlOf(database, name), JWT_SECRET: 'x'.repeat(32) }),
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

async function freePort(): Promise<number> {
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
