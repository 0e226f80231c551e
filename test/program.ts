import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { projectRoot } from '../src/kernel/root.ts';
import { type Answer, type CallOptions, callApi, type Json } from './harness.ts';
import { cleanUpData, newFolder } from './program-data.ts';
import { openSocket, type TestSocket } from './socket.ts';

// The program as its users run it: processes of dist/main.js. A file that uses this ends with
// `after(cleanUp)`.

const main = join(projectRoot(), 'dist/main.js');
const readyWaitMs = 30_000; // for slow machines; tests that promise a time measure it

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface Program {
  pid: number;
  stdin: ChildProcess['stdin'];
  /** all that it wrote so far */
  output(): string;
  signal(name: NodeJS.Signals): void;
  exited: Promise<Exit>;
}

/** A running `souk serve`. */
export interface ServedShop extends Program {
  url: string;
  port: number;
  /** from the start of the process to its first ready answer */
  readyMs: number;
  call(route: string, options?: CallOptions): Promise<Answer>;
  socket(path: string): Promise<TestSocket>;
}

/** The lines of its log so far that have this text in them. */
export function logLines({ output }: Pick<Program, 'output'>, text: string): Json[] {
  const lines = output().split('\n');
  return lines.filter((line) => line.includes(text)).map((line) => JSON.parse(line));
}

const programs = new Set<Program>();

/** Ends every process this file started, then removes its folders and databases. */
export async function cleanUp(): Promise<void> {
  await Promise.all([...programs].map(kill));
  await cleanUpData();
}

// A test file that takes too long is ended by its runner: it must not leave servers behind.
process.once('SIGTERM', () => {
  for (const { pid } of programs) process.kill(pid, 'SIGKILL');
  process.exit(1);
});

/** Starts `souk ARGS` with these settings and nothing else in its environment. */
export function start(args: string[], settings: Record<string, string>, cwd?: string): Program {
  const child = spawn(process.execPath, [main, ...args], {
    env: { PATH: process.env['PATH'], LOG_LEVEL: 'warn', RATE_LIMITS: 'off', ...settings },
    cwd: cwd ?? newFolder(), // without an .env file
    detached: true, // a process group of its own, as under a shell or a service manager
  });
  if (child.pid === undefined) throw new Error('The program could not be started');
  const written = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => (written[name] += text));
  }
  child.stdin.on('error', () => undefined);
  const program: Program = {
    pid: child.pid,
    stdin: child.stdin,
    output: () => written.stdout + written.stderr,
    signal: (name) => void child.kill(name),
    exited: once(child, 'close').then(([code, signal]) => {
      programs.delete(program);
      return { code, signal, ...written };
    }),
  };
  programs.add(program);
  return program;
}

interface RunOptions {
  input?: string;
  cwd?: string;
  patienceMs?: number;
}

/** Runs a command to its end, or to the end of the test's patience. */
export async function run(
  args: string[],
  settings: Record<string, string> = {},
  { input = '', cwd, patienceMs = readyWaitMs }: RunOptions = {},
): Promise<Exit> {
  const program = start(args, settings, cwd);
  program.stdin?.end(input);
  const patience = setTimeout(() => program.signal('SIGKILL'), patienceMs);
  const exit = await program.exited;
  clearTimeout(patience);
  return exit;
}

/** Starts a shop and waits until it is ready; without demo data unless the settings say so. */
export async function serve(
  settings: Record<string, string>,
  args: string[] = [],
): Promise<ServedShop> {
  const port = Number(settings['PORT'] ?? (await freePort()));
  const began = Date.now();
  const program = start(['serve', ...args], {
    DEMO_DATA: 'off',
    ...settings,
    PORT: String(port),
  });
  const url = `http://127.0.0.1:${port}`;
  await untilReady(program, url);
  return {
    ...program,
    url,
    port,
    readyMs: Date.now() - began,
    call: (route, options) => callApi(url, route, options),
    socket: (path) => openSocket(`${url.replace('http', 'ws')}${path}`),
  };
}

async function untilReady(program: Program, url: string): Promise<void> {
  let hasEnded = false;
  void program.exited.then(() => (hasEnded = true));
  const deadline = Date.now() + readyWaitMs;
  for (;;) {
    const answer = await callApi(url, 'GET /readyz').catch(() => undefined);
    if (answer?.status === 200) return;
    if (hasEnded || Date.now() > deadline) {
      throw new Error(`The shop did not get ready:\n${program.output()}`);
    }
    await sleep(10);
  }
}

/** Without mercy, as a power cut or an out-of-memory killer does it. */
export async function kill({ signal, exited }: Pick<Program, 'signal' | 'exited'>): Promise<void> {
  signal('SIGKILL');
  await exited;
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** The processes that a process started: their ids and command lines. */
export function childrenOf(parent: number): { pid: number; command: string }[] {
  const list = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' });
  return list.split('\n').flatMap((row) => {
    const [, pid, ppid, command = ''] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(row) ?? [];
    return Number(ppid) === parent ? [{ pid: Number(pid), command }] : [];
  });
}
