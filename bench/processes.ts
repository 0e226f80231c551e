import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';

const STOP_MS = 20_000; // a server finishes its requests and stops its database in this time
const KEPT_OUTPUT_CHARACTERS = 4_000; // enough to say why something ended

type Environment = Record<string, string | undefined>;

export interface Command {
  file: string;
  args: string[];
  env: Environment;
  cwd: string;
}

/** A process that this run started. */
export interface Child {
  pid: number;
  /** the end of what it wrote */
  output(): string;
  /** resolves with its exit code (null after a signal) */
  exited: Promise<number | null>;
  /** Sends a job to a forked module and waits for its one answer. */
  ask<Answer>(job: object): Promise<Answer>;
  stop(): Promise<void>;
}

/**
 * Starts processes and remembers them, so that all can be stopped. They are in process groups of
 * their own: a Ctrl-C reaches only this process, which then asks each of them to stop once.
 */
export interface Processes {
  start(command: Command): Child;
  /** Starts a built module of bench/ that answers messages. */
  fork(file: string): Child;
  /** Runs to the end. @returns what it wrote @throws unless it exits with 0 */
  run(command: Command): Promise<string>;
  close(): Promise<void>;
}

export function openProcesses(signal: AbortSignal): Processes {
  const children = new Set<Child>();
  const track = (raw: ChildProcess): Child => {
    const child = watch(raw);
    children.add(child);
    void child.exited.then(() => children.delete(child));
    return child;
  };
  const start = ({ file, args, env, cwd }: Command): Child => {
    signal.throwIfAborted();
    return track(
      spawn(file, args, { env, cwd, detached: true, stdio: ['ignore', 'pipe', 'pipe'] }),
    );
  };
  const close = async (): Promise<void> => {
    await Promise.all([...children].map((child) => child.stop()));
  };
  signal.addEventListener('abort', () => void close());
  return {
    start,
    fork(file) {
      signal.throwIfAborted();
      return track(fork(file, [], { detached: true, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] }));
    },
    async run(command) {
      const child = start(command);
      const code = await child.exited;
      signal.throwIfAborted();
      if (code === 0) return child.output();
      throw new Error(`${command.file} ${command.args.join(' ')}: ${code}\n${child.output()}`);
    },
    close,
  };
}

function watch(raw: ChildProcess): Child {
  let output = '';
  const keep = (chunk: Buffer): void => {
    output = (output + chunk.toString()).slice(-KEPT_OUTPUT_CHARACTERS);
  };
  raw.stdout?.on('data', keep);
  raw.stderr?.on('data', keep);
  const exited = new Promise<number | null>((resolve) => {
    raw.once('close', (code) => resolve(code));
    raw.once('error', (error) => {
      output += error.message;
      resolve(null);
    });
  });
  return {
    pid: raw.pid ?? 0,
    output: () => output,
    exited,
    async ask<Answer>(job: object): Promise<Answer> {
      raw.send(job);
      const answer = once(raw, 'message').then(([message]) => message as Answer);
      const ended = exited.then(() => {
        throw new Error(`A process of the benchmark ended early.\n${output}`);
      });
      return Promise.race([answer, ended]);
    },
    async stop() {
      raw.kill('SIGTERM');
      const killing = setTimeout(() => raw.kill('SIGKILL'), STOP_MS);
      await exited;
      clearTimeout(killing);
    },
  };
}

/** Processor seconds that a process has used so far; undefined where there is no /proc. */
export function cpuSeconds(pid: number): number | undefined {
  const text = readProc(pid, 'stat');
  // "pid (command) state …": user and system ticks, of 10 ms, are fields 14 and 15
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ');
  return fields && (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Memory of a process that is in RAM, in MB; undefined where there is no /proc. */
export function residentMb(pid: number): number | undefined {
  const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(readProc(pid, 'status') ?? '')?.[1];
  return kilobytes === undefined ? undefined : Number(kilobytes) / 1024;
}

function readProc(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return undefined;
  }
}
