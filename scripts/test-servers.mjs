// Throw-away Redis and PostgreSQL servers from what the system has installed, for npm test.
import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { accessSync, chownSync, constants, mkdirSync, readdirSync } from 'node:fs';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { delimiter, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const OLDEST_POSTGRES = 14; // the oldest that this project supports
const READY_WAIT_MS = 20_000;

// As in src/kernel/embedded/server.ts: the server ends when this process does.
const KEEPER = `exec 3<&0
"$@" </dev/null 3<&- & server=$!
(read -r line <&3; kill -INT $server) & reader=$!
exec 3<&- </dev/null
wait $server; status=$?
kill $reader 2>/dev/null; wait $reader 2>/dev/null
exit $status`;

/** The system's redis-server and its oldest supported PostgreSQL, or what is missing. */
export function findSystemServers() {
  const redis = findProgram('redis-server');
  const postgres = findPostgres();
  const missing = [];
  if (!redis) missing.push('redis-server (apt-get install redis-server)');
  if (!postgres)
    missing.push(`PostgreSQL ${OLDEST_POSTGRES} or later (apt-get install postgresql)`);
  return { redis, postgres, missing };
}

/**
 * Starts both in `folder`, which must be enterable by everybody.
 * @returns their URLs, a line that says which they are, and `close`
 */
export async function startSystemServers({ redis, postgres }, folder) {
  const keepers = [];
  const close = () => Promise.all(keepers.map(stop));
  try {
    const database = await startPostgres(postgres, join(folder, 'postgres'), keepers);
    const cache = await startRedis(redis, join(folder, 'redis'), keepers);
    return {
      databaseUrl: database.url,
      redisUrl: cache.url,
      versions: `PostgreSQL ${postgres.version} and Redis ${cache.version}`,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function findPostgres() {
  const folders = findFolders('/usr/lib/postgresql').map((version) =>
    join('/usr/lib/postgresql', version, 'bin'),
  );
  const onPath = findProgram('postgres');
  if (onPath) folders.push(dirname(onPath));
  const found = folders.filter(hasServer).map((folder) => ({ folder, version: versionOf(folder) }));
  const supported = found.filter(({ version }) => Number.parseInt(version, 10) >= OLDEST_POSTGRES);
  // The built-in server is of the newest version, so the oldest here covers the most ground.
  return supported.toSorted(
    (a, b) => Number.parseFloat(a.version) - Number.parseFloat(b.version),
  )[0];
}

function findFolders(parent) {
  try {
    return readdirSync(parent);
  } catch {
    return [];
  }
}

function hasServer(folder) {
  return isExecutable(join(folder, 'initdb')) && isExecutable(join(folder, 'postgres'));
}

function versionOf(folder) {
  const text = execFileSync(join(folder, 'postgres'), ['--version'], { encoding: 'utf8' });
  return /\d+(\.\d+)?/.exec(text)?.[0] ?? '0';
}

function findProgram(name) {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

async function startPostgres({ folder: bin }, folder, keepers) {
  const ids = makeFolder(folder);
  const password = randomBytes(12).toString('hex');
  const passwordFile = join(folder, 'password');
  writeFileSync(passwordFile, password);
  const data = join(folder, 'data');
  const args = ['-D', data, '-U', 'souk', '-A', 'scram-sha-256', `--pwfile=${passwordFile}`];
  args.push('--encoding=UTF8', '--no-sync', `--locale=${systemLocale()}`);
  execFileSync(join(bin, 'initdb'), args, { cwd: folder, stdio: ['ignore', 'ignore', 2], ...ids });
  const port = await freePort();
  const settings = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: '',
    fsync: 'off',
  };
  const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  keepers.push(await startKept([join(bin, 'postgres'), '-D', data, ...options], { folder, ids }));
  const url = `postgres://souk:${password}@127.0.0.1:${port}`;
  const { default: pg } = await import('pg');
  await until('PostgreSQL', folder, async () => {
    const client = new pg.Client({ connectionString: `${url}/postgres` });
    client.on('error', () => {});
    try {
      await client.connect();
      await client.query('CREATE DATABASE souk');
      return true;
    } finally {
      await client.end().catch(() => {});
    }
  });
  return { url: `${url}/souk` };
}

/** C.UTF-8 knows letters beyond ASCII, as the built-in server does; not every system has it. */
function systemLocale() {
  try {
    const known = execFileSync('locale', ['-a'], { encoding: 'utf8' });
    return /^C\.utf-?8$/im.exec(known)?.[0] ?? 'C';
  } catch {
    return 'C';
  }
}

async function startRedis(program, folder, keepers) {
  const ids = makeFolder(folder);
  const port = await freePort();
  const options = { port, bind: '127.0.0.1', dir: folder, save: '', appendonly: 'no' };
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  keepers.push(await startKept([program, ...args], { folder, ids }));
  await until('Redis', folder, () => canConnect(port));
  const text = execFileSync(program, ['--version'], { encoding: 'utf8' });
  return { url: `redis://127.0.0.1:${port}`, version: /v=([\d.]+)/.exec(text)?.[1] ?? 'unknown' };
}

/** Neither server runs as root (PostgreSQL refuses to): then they run as nobody. */
function makeFolder(folder) {
  mkdirSync(folder, { mode: 0o700 });
  if (process.getuid?.() !== 0) return {};
  const match = /^nobody:[^:]*:(-?\d+):(-?\d+):/m.exec(readFileSync('/etc/passwd', 'utf8'));
  if (!match)
    throw new Error('No user "nobody" to run the test servers as; run npm test as a user.');
  const ids = { uid: Number(match[1]), gid: Number(match[2]) };
  chownSync(folder, ids.uid, ids.gid);
  return ids;
}

async function startKept(command, { folder, ids }) {
  const log = `exec >>log 2>&1\n${KEEPER}`;
  const keeper = spawn('/bin/sh', ['-c', log, 'souk-test', ...command], {
    cwd: folder,
    detached: true, // a Ctrl-C is for the tests, which may still need the server to end well
    stdio: ['pipe', 'ignore', 'inherit'],
    ...ids,
  });
  await once(keeper, 'spawn');
  keeper.stdin.on('error', () => {});
  return keeper;
}

async function stop(keeper) {
  if (keeper.exitCode !== null || keeper.signalCode !== null) return;
  const ended = once(keeper, 'exit');
  keeper.stdin.end();
  await ended;
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  return port;
}

async function canConnect(port) {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } finally {
    socket.destroy();
  }
}

async function until(what, folder, attempt) {
  const deadline = Date.now() + READY_WAIT_MS;
  let problem = '';
  while (Date.now() < deadline) {
    try {
      if (await attempt()) return;
    } catch (error) {
      problem = error.message;
    }
    await sleep(25);
  }
  const log = readFileSync(join(folder, 'log'), 'utf8').split('\n').slice(-6).join('\n');
  throw new Error(`${what} for the tests did not start: ${problem}\n${log}`);
}
