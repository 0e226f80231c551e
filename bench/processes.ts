import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { JobAnswer } from './job.ts';

const STOP_MS = 20_000; // a server finishes its requests and stops its database in this time
const KEPT_OUTPUT_CHARACTERS = 4_000; // enough to say why something ended

type Environment = Record<string, string | undefined>;

export interface Command {
  file: string;
  args: string[];
  env: Environment;
  cwd: string;
  /** who runs it, when that is another */
  user?: { uid: number; gid: number };
}

/** A process that this run started. */
export interface Child {
  pid: number;
  /** the end of what it wrote */
  output(): string;
  isRunning(): boolean;
  /** resolves with its exit code (null after a signal) */
  exited: Promise<number | null>;
  /** Sends a job to a forked module and waits for its answer. @throws when it could not be done */
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
  running(): Child[];
  /** Stops all that run, but those to keep. */
  close(keep?: Child[]): Promise<void>;
}

export function openProcesses(signal: AbortSignal): Processes {
  const children = new Set<Child>();
  const track = (raw: ChildProcess): Child => {
    const child = watch(raw);
    children.add(child);
    void child.exited.then(() => children.delete(child));
    return child;
  };
  const start = ({ file, args, env, cwd, user }: Command): Child => {
    signal.throwIfAborted();
    return track(
      spawn(file, args, { env, cwd, ...user, detached: true, stdio: ['ignore', 'pipe', 'pipe'] }),
    );
  };
  const close = async (keep: Child[] = []): Promise<void> => {
    const others = [...children].filter((child) => !keep.includes(child));
    await Promise.all(others.map((child) => child.stop()));
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
    running: () => [...children],
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
    isRunning: () => raw.exitCode === null && raw.signalCode === null,
    exited,
    async ask<Answer>(job: object): Promise<Answer> {
      const answering = once(raw, 'message').then(([message]) => message as JobAnswer<Answer>);
      const ended = exited.then(() => {
        throw new Error(`A process of the benchmark ended early.\n${output}`);
      });
      raw.send(job);
      const answer = await Promise.race([answering, ended]);
      if ('failed' in answer) throw new Error(answer.failed);
      return answer.answer;
    },
    async stop() {
      raw.kill('SIGTERM');
      const killing = setTimeout(() => raw.kill('SIGKILL'), STOP_MS);
      await exited;
      clearTimeout(killing);
    },
  };
}
