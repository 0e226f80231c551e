import pg from 'pg';
import { Unavailable } from './errors.ts';
import { limits } from './limits.ts';

interface Waiter {
  since: number;
  refuse(error: Error): void;
}

/**
 * Lends the connections of a pool. A burst waits its turn however long the line, as long as the
 * line moves. When no connection came free for a second (holders that hang, a server that stopped
 * answering) everybody in it is refused at once; when a holder gives up (a lock that it did not
 * get, a server that went away), so is whoever has waited as long as it did, for the same.
 */
export class Pool {
  readonly #pool: pg.Pool;
  readonly #line = new Set<Waiter>(); // the eldest first
  readonly #lentAt = new WeakMap<pg.PoolClient, number>();
  #doneAt = 0; // when somebody last got done what a connection was for
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
   * A connection, until `release`.
   * @throws Unavailable when the line is too long or does not move
   */
  acquire(): Promise<pg.PoolClient> {
    if (this.#line.size >= limits.databaseWaiters) return Promise.reject(exhausted());
    if (this.#line.size === 0) this.#stillTicks = 0;
    return new Promise((resolve, reject) => {
      const waiter = { since: performance.now(), refuse: reject };
      this.#line.add(waiter);
      this.#pool.connect().then(
        (client) => {
          this.#stillTicks = 0;
          if (!this.#line.delete(waiter)) return client.release(); // came too late
          this.#lentAt.set(client, performance.now());
          resolve(client);
        },
        (error: Error) => {
          if (this.#line.delete(waiter)) reject(error);
        },
      );
    });
  }

  /**
   * Gives a connection back.
   * @param how.gaveUp what it was for could not be done: the server is away, or a lock taken
   * @param how.broken the connection is of no more use
   */
  release(client: pg.PoolClient, how: { gaveUp: boolean; broken?: boolean }): void {
    const lentAt = this.#lentAt.get(client) ?? 0;
    if (!how.gaveUp) this.#doneAt = performance.now();
    // Nobody else got anything done meanwhile either: all in line would wait for nothing.
    else this.#refuse(this.#doneAt < lentAt ? Number.POSITIVE_INFINITY : lentAt);
    client.release(how.broken ?? false);
  }

  #refuse(until: number): void {
    for (const waiter of this.#line) {
      if (waiter.since > until) return;
      this.#line.delete(waiter);
      waiter.refuse(exhausted());
    }
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
    this.#refuse(Number.POSITIVE_INFINITY);
  }
}

const tickMs = 100;

const exhausted = () => new Unavailable('The shop is too busy just now. Try again in a moment.');
