import pg from 'pg';
import { Unavailable } from './errors.ts';
import { limits } from './limits.ts';

/**
 * Lends the connections of a pool. A burst waits its turn however long the line, as long as the
 * line moves; when no connection came free for a second (holders that hang, a server that stopped
 * answering) everybody in it is refused at once.
 */
export class Pool {
  readonly #pool: pg.Pool;
  readonly #line = new Set<(error: Error) => void>(); // who waits, by how to refuse them
  readonly #watch: NodeJS.Timeout;
  #stillTicks = 0;
  #closing = false;

  /** @param options.max connections at most */
  constructor(options: pg.PoolConfig & { max: number }, onLost: (error: Error) => void) {
    this.#pool = new pg.Pool({
      ...options,
      idleTimeoutMillis: limits.idleConnectionMs,
      connectionTimeoutMillis: limits.queryTimeoutMs,
    });
    this.#pool.on('error', (error) => {
      if (!this.#closing) onLost(error);
    });
    // A lent connection that breaks fails its statement too; without a listener Node would exit.
    this.#pool.on('connect', (client) => client.on('error', () => undefined));
    this.#watch = setInterval(() => this.#tick(), tickMs).unref();
  }

  /**
   * A connection; `release` gives it back, and with `true` closes it.
   * @throws Unavailable when the line is too long or does not move
   */
  acquire(): Promise<pg.PoolClient> {
    if (this.#line.size >= limits.databaseWaiters) return Promise.reject(exhausted());
    if (this.#line.size === 0) this.#stillTicks = 0;
    return new Promise((resolve, reject) => {
      this.#line.add(reject);
      this.#pool.connect().then(
        (client) => {
          this.#stillTicks = 0;
          if (this.#line.delete(reject)) resolve(client);
          else client.release(); // came too late
        },
        (error: Error) => {
          if (this.#line.delete(reject)) reject(error);
        },
      );
    });
  }

  /** Connections: open, idle, and callers waiting for one. */
  load(): { open: number; idle: number; waiting: number } {
    return { open: this.#pool.totalCount, idle: this.#pool.idleCount, waiting: this.#line.size };
  }

  async close(): Promise<void> {
    this.#closing = true;
    clearInterval(this.#watch);
    await this.#pool.end();
  }

  /**
   * Counts turns of the event loop, not time: after this process itself was held up, answers that
   * wait to be read count as movement before anybody is refused.
   */
  #tick(): void {
    this.#stillTicks += 1;
    if (this.#line.size === 0 || this.#stillTicks * tickMs < limits.connectionWaitMs) return;
    for (const refuse of this.#line) refuse(exhausted());
    this.#line.clear();
  }
}

const tickMs = 100;

const exhausted = () => new Unavailable('The shop is too busy just now. Try again in a moment.');
