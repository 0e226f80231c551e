import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { type EmbeddedPostgres, openEmbeddedPostgres } from '../src/kernel/embedded/postgres.ts';
import { isRunning, postmasterPid } from '../src/kernel/embedded/testing.ts';
import type { Json } from '../test/harness.ts';
import { newDataDir, query, urlOfDataDir } from '../test/program-data.ts';
import { childrenOf, freePort, kill, type ServedShop, serve } from '../test/program.ts';

/** A real PostgreSQL server, started again when it ends, as a service manager does. */
export class Database {
  readonly url: string;
  readonly #dataDir: string;
  readonly #server: EmbeddedPostgres;

  private constructor(dataDir: string, server: EmbeddedPostgres) {
    this.#dataDir = dataDir;
    this.#server = server;
    this.url = urlOfDataDir(dataDir);
  }

  static async started(): Promise<Database> {
    const dataDir = newDataDir();
    return new Database(dataDir, await openEmbeddedPostgres({ dataDir, log: () => undefined }));
  }

  /** Without mercy; resolves when the process is gone, not when the next one is ready. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** As an administrator does: what runs is rolled back, clients are disconnected. */
  async restart(): Promise<void> {
    await this.#end('SIGINT');
  }

  /** Every process of the server stands still; resolves to how they go on. */
  async pause(): Promise<() => void> {
    const postmaster = await postmasterPid(this.#dataDir);
    const pids = [postmaster, ...childrenOf(postmaster).map(({ pid }) => pid)];
    signal(pids, 'SIGSTOP');
    return () => signal(pids, 'SIGCONT');
  }

  rows(text: string, values: unknown[] = []): Promise<Json[]> {
    return query(this.url, text, values);
  }

  /** Waits until it takes connections. @returns how long that took, in ms */
  async ready(withinMs = 30_000): Promise<number> {
    const began = performance.now();
    for (;;) {
      try {
        await this.rows('SELECT 1');
        return performance.now() - began;
      } catch (error) {
        if (performance.now() - began > withinMs) throw error;
        await sleep(10);
      }
    }
  }

  async stop(): Promise<void> {
    await this.#server.stop();
  }

  async #end(name: NodeJS.Signals): Promise<void> {
    const pid = await postmasterPid(this.#dataDir);
    process.kill(pid, name);
    while (isRunning(pid)) await sleep(5);
  }
}

function signal(pids: number[], name: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, name);
    } catch {
      // it ended by itself
    }
  }
}

/** One node of a shop: a process of the program on a port of its own, which survives it. */
export class ShopNode {
  readonly url: string;
  readonly #settings: Record<string, string>;
  #shop: ServedShop | undefined;

  private constructor(port: number, settings: Record<string, string>) {
    this.url = `http://127.0.0.1:${port}`;
    this.#settings = { ...settings, PORT: String(port) };
  }

  static async started(settings: Record<string, string>): Promise<ShopNode> {
    const node = new ShopNode(await freePort(), settings);
    await node.start();
    return node;
  }

  /** @returns how long it took until it was ready, in ms */
  async start(settings: Record<string, string> = {}): Promise<number> {
    this.#shop = await serve({ ...this.#settings, ...settings });
    return this.#shop.readyMs;
  }

  get pid(): number {
    return this.#running().pid;
  }

  /** Its standard output and error, for the post-mortem. */
  get output(): string {
    return this.#running().output();
  }

  async kill(): Promise<void> {
    await kill(this.#running());
  }

  /** Asks it to stop, and waits. @returns its exit code */
  async stop(): Promise<number | null> {
    const shop = this.#running();
    shop.signal('SIGTERM');
    return (await shop.exited).code;
  }

  /** Waits until it has ended by itself. @returns false when it did not within `ms` */
  async ended(ms: number): Promise<boolean> {
    const { exited } = this.#running();
    return Promise.race([exited.then(() => true), sleep(ms, false, { ref: false })]);
  }

  /** Memory in RAM, in MB. */
  residentMb(): number {
    const text = execFileSync('ps', ['-o', 'rss=', '-p', String(this.pid)], { encoding: 'utf8' });
    return Number(text) / 1024;
  }

  #running(): ServedShop {
    if (this.#shop === undefined) throw new Error('The node was never started');
    return this.#shop;
  }
}
