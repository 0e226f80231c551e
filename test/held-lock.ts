import assert from 'node:assert/strict';
import pg from 'pg';
import { query } from './program-data.ts';
import { within } from './shopping.ts';

/** A lock in the database, which makes the shop wait at a known place until `release`. */
export class HeldLock {
  readonly #databaseUrl: string;
  readonly #client: pg.Client;

  private constructor(databaseUrl: string) {
    this.#databaseUrl = databaseUrl;
    this.#client = new pg.Client({ connectionString: databaseUrl });
    this.#client.on('error', () => undefined);
  }

  /** @param statement takes the lock, in a transaction */
  static async take(databaseUrl: string, statement: string): Promise<HeldLock> {
    const lock = new HeldLock(databaseUrl);
    await lock.#client.connect();
    await lock.#client.query('BEGIN');
    await lock.#client.query(statement);
    return lock;
  }

  /** Waits until so many wait, for it or behind one another. */
  async isWanted(by = 1): Promise<void> {
    const waiting = `
      SELECT FROM pg_stat_activity
      WHERE wait_event_type = 'Lock' AND datname = current_database()`;
    await within(20_000, async () => {
      const { length } = await query(this.#databaseUrl, waiting);
      assert.ok(length >= by, `${length} of ${by} wait`);
    });
  }

  release(): Promise<void> {
    return this.#client.end();
  }
}

/** Whoever orders the product waits. */
export const holdProduct = (databaseUrl: string, { id }: { id: string }): Promise<HeldLock> =>
  HeldLock.take(databaseUrl, `SELECT FROM products WHERE id = '${id}' FOR UPDATE`);
