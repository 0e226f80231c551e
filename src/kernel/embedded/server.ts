import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { explainFailure, SERVER_ENV, spawnIds } from './cluster.ts';
import { ensureDatabase } from './connect.ts';
import { EmbeddedPostgresError } from './error.ts';
import { type Site, SOCKET_PORT } from './files.ts';
import { ignoreMissing, isAlive, mayBePostmasterOf } from './process.ts';
import { serverArguments } from './settings.ts';

const READY_POLL_MS = 10;
const READY_WAIT_MS = 60_000; // recovery replays at most 1 GB of log: seconds, on slow disks more
const PROGRESS_EVERY_MS = 5_000;
const ATTACH_WAIT_MS = 30_000; // somebody else's server that starts or stops
const ORPHANS_WAIT_MS = 30_000; // backends of a killed server finish their statement before ending
const ORPHANS_POLL_MS = 100;
const FAST_STOP_MS = 20_000; // the last checkpoint writes at most the 128 MB of buffers
const QUICK_STOP_MS = 5_000;
const LOG_MAX_BYTES = 10_000_000;

// The shell ties the server to this process: when our end of its standard input closes, be it by
// SIGKILL, the reader asks the server for a fast shutdown. When the server ends first, the reader
// is ended before the shell is, so that it can never signal a reused process id.
const KEEPER = `exec 3<&0
"$@" </dev/null 3<&- & server=$!
(read -r line <&3; kill -INT $server) & reader=$!
exec 3<&- </dev/null
wait $server; status=$?
kill $reader 2>/dev/null; wait $reader 2>/dev/null
exit $status`;

export type Log = (message: string) => void;

export interface ServerOptions {
  log: Log;
  durable: boolean;
}

/** A running server; `keeper` is the shell around it when this process started it. */
export interface RunningServer {
  pid: number;
  keeper: ChildProcess | undefined;
  socketDir: string;
}

interface Postmaster {
  pid: number;
  socketDir: string;
  status: string;
}

/** What the server wrote about itself into its data folder; undefined when none runs cleanly. */
export async function readPostmaster(site: Site): Promise<Postmaster | undefined> {
  const file = path.join(site.clusterDir, 'postmaster.pid');
  const lines = (await fs.readFile(file, 'utf8').catch(ignoreMissing))?.split('\n');
  const pid = Number(lines?.[0]);
  if (!lines || !Number.isInteger(pid) || pid <= 0) return undefined;
  return { pid, socketDir: lines[4] ?? '', status: lines[7]?.trim() ?? '' };
}

/**
 * The server that already runs on this data folder, waiting for one that starts or stops.
 * @throws EmbeddedPostgresError when it neither becomes usable nor goes away
 */
export async function findRunning(site: Site): Promise<RunningServer | undefined> {
  const deadline = Date.now() + ATTACH_WAIT_MS;
  let problem = 'it is not ready';
  for (;;) {
    const postmaster = await readPostmaster(site);
    if (!postmaster) return undefined;
    const { pid, socketDir, status } = postmaster;
    if (!(await mayBePostmasterOf(site.clusterDir, pid))) {
      await removeStaleLocks(site, pid);
      return undefined;
    }
    if (status === 'ready') {
      try {
        await ensureDatabase(site, socketDir);
        return { pid, socketDir, keeper: undefined };
      } catch (error) {
        if (error instanceof EmbeddedPostgresError) throw error;
        problem = String(error);
      }
    }
    if (Date.now() > deadline) {
      throw new EmbeddedPostgresError(
        `A PostgreSQL server (process ${pid}) runs on ${site.clusterDir} and cannot be used: ` +
          `${problem}. Stop it (kill -INT ${pid}), or set DATA_DIR to another folder; ` +
          'nothing was changed.',
      );
    }
    await sleep(READY_POLL_MS * 5);
  }
}

/**
 * PostgreSQL itself overrules lock files whose process is gone, but refuses to start when the id
 * now belongs to another process of the same user. Even if this were wrong, the server also holds
 * its shared memory, which a second one would notice.
 */
async function removeStaleLocks(site: Site, pid: number): Promise<void> {
  const socketLock = path.join(site.socketDir, `.s.PGSQL.${SOCKET_PORT}.lock`);
  for (const file of [path.join(site.clusterDir, 'postmaster.pid'), socketLock]) {
    const text = await fs.readFile(file, 'utf8').catch(ignoreMissing);
    if (Number(text?.split('\n')[0]) === pid) await fs.rm(file, { force: true });
  }
}

/**
 * Starts the server and waits until it takes connections.
 * @throws EmbeddedPostgresError with the last lines of its log
 */
export async function startServer(site: Site, options: ServerOptions): Promise<RunningServer> {
  await rotateLog(site);
  const giveUp = Date.now() + ORPHANS_WAIT_MS;
  for (;;) {
    const logStart = (await fs.stat(site.logFile)).size;
    const keeper = await spawnKeeper(site, options.durable);
    const pid = await waitUntilReady(site, { keeper, logStart, log: options.log });
    if (pid !== undefined) return { pid, keeper, socketDir: site.socketDir };
    const output = await readLog(site, logStart);
    const orphans = /shared memory block .* still in use|terminate any old server processes/.test(
      output,
    );
    if (!orphans || Date.now() > giveUp) {
      throw explainFailure(site, 'The PostgreSQL server could not start', output);
    }
    await sleep(ORPHANS_POLL_MS);
  }
}

async function spawnKeeper(site: Site, durable: boolean): Promise<ChildProcess> {
  const logFile = await fs.open(site.logFile, 'a', 0o600);
  try {
    const server = [path.join(site.binDir, 'postgres'), '-D', site.clusterDir];
    server.push(...serverArguments(site.socketDir, durable));
    const keeper = spawn('/bin/sh', ['-c', KEEPER, 'souk-postgres', ...server], {
      cwd: site.dataDir,
      env: SERVER_ENV,
      detached: true, // a Ctrl-C in the terminal is for the app, which closes the server last
      stdio: ['pipe', logFile.fd, logFile.fd],
      ...spawnIds(site),
    });
    await new Promise<void>((resolve, reject) => {
      keeper.once('spawn', resolve);
      keeper.once('error', reject);
    });
    keeper.unref();
    keeper.stdin?.on('error', () => {}); // the shell is gone: its exit event says so
    return keeper;
  } catch (error) {
    throw explainFailure(site, 'The PostgreSQL server could not be started', String(error));
  } finally {
    await logFile.close();
  }
}

/** The server's process id, or undefined when it ended before it was ready. */
async function waitUntilReady(
  site: Site,
  { keeper, logStart, log }: { keeper: ChildProcess; logStart: number; log: Log },
): Promise<number | undefined> {
  const started = Date.now();
  let nextReport = started + PROGRESS_EVERY_MS;
  let problem = '';
  while (!hasEnded(keeper)) {
    const postmaster = await readPostmaster(site);
    if (postmaster?.status === 'ready' && isAlive(postmaster.pid)) {
      try {
        await ensureDatabase(site, site.socketDir);
        return postmaster.pid;
      } catch (error) {
        if (error instanceof EmbeddedPostgresError) {
          await stopServer(site, keeper);
          throw error;
        }
        problem = `\n${String(error)}`;
      }
    }
    if (Date.now() > nextReport) {
      const lastLine = (await readLog(site, logStart)).trim().split('\n').at(-1) ?? '';
      const seconds = Math.round((Date.now() - started) / 1000);
      log(`waiting for the database since ${seconds} s: ${lastLine}`);
      nextReport += PROGRESS_EVERY_MS;
    }
    if (Date.now() > started + READY_WAIT_MS) {
      const output = (await readLog(site, logStart)) + problem;
      await stopServer(site, keeper);
      const what = `The PostgreSQL server was not ready after ${READY_WAIT_MS / 1000} s`;
      throw explainFailure(site, what, output);
    }
    await sleep(READY_POLL_MS);
  }
  return undefined;
}

/** Stops a server this process started: fast shutdown, and after 20 s without mercy. */
export async function stopServer(site: Site, keeper: ChildProcess): Promise<void> {
  keeper.stdin?.end();
  if (await endedWithin(keeper, FAST_STOP_MS)) return;
  const postmaster = await readPostmaster(site);
  if (postmaster && isAlive(postmaster.pid)) process.kill(postmaster.pid, 'SIGQUIT');
  await endedWithin(keeper, QUICK_STOP_MS);
}

/** Has the process ended? The timer also keeps this process alive until that is known. */
async function endedWithin(keeper: ChildProcess, limitMs: number): Promise<boolean> {
  if (hasEnded(keeper)) return true;
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), limitMs);
  const exit = once(keeper, 'exit', { signal: limit.signal });
  const ended = await exit.then(
    () => true,
    () => false,
  );
  clearTimeout(timer);
  return ended;
}

/** Has this child process ended? */
export function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

async function readLog(site: Site, from: number): Promise<string> {
  const file = await fs.open(site.logFile, 'r');
  try {
    const { size } = await file.stat();
    const start = Math.max(from, size - 20_000); // the last lines are all that is wanted
    const { buffer, bytesRead } = await file.read(Buffer.alloc(size - start), 0, null, start);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}

async function rotateLog(site: Site): Promise<void> {
  const size = (await fs.stat(site.logFile).catch(ignoreMissing))?.size ?? 0;
  if (size > LOG_MAX_BYTES) await fs.rename(site.logFile, `${site.logFile}.1`);
  const file = await fs.open(site.logFile, 'a', 0o600);
  if (site.runAs) await file.chown(site.runAs.uid, site.runAs.gid);
  await file.close();
}
