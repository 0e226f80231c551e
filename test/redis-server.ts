import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createClient } from '@redis/client';
import { newFolder } from './program-data.ts';
import { freePort } from './program.ts';
import { within } from './shopping.ts';

/** Why the tests that need a redis-server of their own cannot run; false when they can. */
const version = findVersion();
export const noRedis: string | false =
  version > 0 ? false : 'SKIPPED: redis-server is not installed (apt-get install redis-server)';

/** The main version of redis-server; 0 when it is not there. */
function findVersion(): number {
  try {
    const text = execFileSync('redis-server', ['--version'], { encoding: 'utf8' });
    return Number(/v=(\d+)/.exec(text)?.[1]);
  } catch {
    return 0;
  }
}

/** A throw-away Redis that can be killed, and started again on the same port. */
export class RedisServer {
  readonly port: number;
  readonly #folder = newFolder();
  #child: ChildProcess | undefined;

  /** @param port of `freePort` */
  constructor(port: number) {
    this.port = port;
  }

  static async started(): Promise<RedisServer> {
    const server = new RedisServer(await freePort());
    await server.start();
    return server;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  async start(): Promise<void> {
    const debugging = version >= 7 ? { 'enable-debug-command': 'yes' } : {}; // before: always
    const place = { port: this.port, bind: '127.0.0.1', dir: this.#folder };
    const options = { ...place, save: '', ...debugging };
    const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
    const child = spawn('redis-server', args, { stdio: 'ignore' });
    process.once('exit', () => child.kill('SIGKILL')); // also when a test takes too long
    this.#child = child;
    await within(10_000, async () => void (await this.ask('PING')));
  }

  /** Without warning; what it knew is gone. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  /** It keeps its connections and answers nothing until `resume`. */
  pause(): void {
    this.#child?.kill('SIGSTOP');
  }

  resume(): void {
    this.#child?.kill('SIGCONT');
  }

  /** What it answers to one command. */
  async ask(...command: string[]): Promise<unknown> {
    const client = createClient({ url: this.url, socket: { reconnectStrategy: false } });
    client.on('error', () => undefined);
    await client.connect();
    try {
      return await client.sendCommand(command);
    } finally {
      client.destroy();
    }
  }

  /** How many nodes listen for hints. */
  async listeners(): Promise<number> {
    const channels = (await this.ask('PUBSUB', 'CHANNELS')) as string[];
    const counts = (await this.ask('PUBSUB', 'NUMSUB', ...channels)) as (string | number)[];
    return counts.reduce<number>((sum, one) => sum + (typeof one === 'number' ? one : 0), 0);
  }
}
