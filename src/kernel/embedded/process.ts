import { execFile } from 'node:child_process';
import { readFile, stat, unlink, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { EmbeddedPostgresError } from './error.ts';

const run = promisify(execFile);

const LOCK_WAIT_MS = 150_000; // longer than a slow first boot or a recovery of another process
const LOCK_POLL_MS = 25;
const LOCK_UNREADABLE_MS = 5_000; // an empty lock file older than this was left by a crash

/** A live process: what it runs, and when it started (tells a reused process id apart). */
interface ProcessInfo {
  command: string;
  started: string;
}

/** What a live process runs, or undefined when there is none (a zombie counts as none). */
async function readProcess(pid: number): Promise<ProcessInfo | undefined> {
  if (!isAlive(pid)) return undefined;
  return process.platform === 'linux' ? readLinuxProcess(pid) : readProcessFromPs(pid);
}

/** Is there a process with this id, ours or somebody else's? */
export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return errorCode(error) === 'EPERM';
  }
}

async function readLinuxProcess(pid: number): Promise<ProcessInfo | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // "pid (command) state ppid …", where the command itself may hold spaces and parentheses
  const close = text.lastIndexOf(')');
  if (close < 0) return undefined;
  const rest = text.slice(close + 2).split(' ');
  const state = rest[0] ?? '';
  if (state === 'Z' || state === 'X') return undefined;
  return { command: text.slice(text.indexOf('(') + 1, close), started: rest[19] ?? '' };
}

async function readProcessFromPs(pid: number): Promise<ProcessInfo | undefined> {
  const columns = ['-o', 'stat=', '-o', 'lstart=', '-o', 'comm=', '-p', String(pid)];
  const { stdout } = await run('ps', columns, { env: { LC_ALL: 'C' } }).catch(() => ({
    stdout: '',
  }));
  const match = /^\s*(\S+)\s+(\S+\s+\S+\s+\S+\s+\S+\s+\S+)\s+(.+?)\s*$/.exec(stdout);
  if (!match || match[1]?.startsWith('Z')) return undefined;
  return { command: match[3]?.split('/').at(-1) ?? '', started: match[2] ?? '' };
}

/**
 * Can the process with this id be the PostgreSQL server of `clusterDir`? False when the id is
 * free or now belongs to something else (a reboot or a restarted container reuses ids).
 */
export async function mayBePostmasterOf(clusterDir: string, pid: number): Promise<boolean> {
  const info = await readProcess(pid);
  if (info?.command !== 'postgres') return false;
  if (process.platform !== 'linux') return true;
  // A server works inside its data folder; when that cannot be seen, assume the worst.
  const cwd = await stat(`/proc/${pid}/cwd`).catch(() => undefined);
  const cluster = await stat(clusterDir);
  return cwd === undefined || (cwd.ino === cluster.ino && cwd.dev === cluster.dev);
}

/**
 * Runs `work` while holding `file` as a lock between processes; the lock of a process that died
 * is taken over. Two processes can at worst break a dead lock at the same instant; that is safe,
 * since the data folder appears by one rename and PostgreSQL holds a lock of its own.
 * @throws EmbeddedPostgresError when another process holds the lock for too long
 */
export async function withFileLock<T>(file: string, work: () => Promise<T>): Promise<T> {
  const self = await readProcess(process.pid);
  const content = JSON.stringify({ pid: process.pid, started: self?.started ?? '' });
  const deadline = Date.now() + LOCK_WAIT_MS;
  for (;;) {
    const taken = await writeFile(file, content, { flag: 'wx', mode: 0o600 }).then(
      () => true,
      (error: unknown) => {
        if (errorCode(error) !== 'EEXIST') throw error;
        return false;
      },
    );
    if (taken) break;
    if (await isLeftBehind(file)) await unlink(file).catch(ignoreMissing);
    else if (Date.now() > deadline) throw lockHeld(file);
    else await sleep(LOCK_POLL_MS);
  }
  try {
    return await work();
  } finally {
    await unlink(file).catch(ignoreMissing);
  }
}

async function isLeftBehind(file: string): Promise<boolean> {
  const text = await readFile(file, 'utf8').catch(ignoreMissing);
  if (text === undefined) return false;
  const holder = parseHolder(text);
  if (holder) return (await readProcess(holder.pid))?.started !== holder.started;
  const info = await stat(file).catch(ignoreMissing);
  return info !== undefined && Date.now() - info.mtimeMs > LOCK_UNREADABLE_MS;
}

function parseHolder(text: string): { pid: number; started: string } | undefined {
  const match = /^\{"pid":(\d+),"started":"([^"]*)"\}$/.exec(text);
  return match ? { pid: Number(match[1]), started: match[2] ?? '' } : undefined;
}

function lockHeld(file: string): EmbeddedPostgresError {
  return new EmbeddedPostgresError(
    `Another process has been starting the database for over ${LOCK_WAIT_MS / 1000} s ` +
      `and holds ${file}. Stop that process (its id is in the file), then start again.`,
  );
}

/** The `code` of a system error, or undefined. */
export function errorCode(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}

/** For `.catch`: a missing file is fine (undefined), everything else is thrown on. */
export function ignoreMissing(error: unknown): undefined {
  if (errorCode(error) !== 'ENOENT') throw error;
}
