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
  isWanted(by = 1): Promise<void> {
    return seen(this.#databaseUrl, `wait_event_type = 'Lock'`, by);
  }

  /** Releases it, and what the statement did stays. */
  async commit(): Promise<void> {
    await this.#client.query('COMMIT');
    await this.release();
  }

  release(): Promise<void> {
    return this.#client.end();
  }
}

/**
 * Whoever orders is kept in a statement that takes long, until `release`: nobody waits for a lock
 * for long. Made once in a database.
 */
export async function holdOrders(databaseUrl: string): Promise<HeldStatement> {
  await query(
    databaseUrl,
    `CREATE TABLE held AS SELECT 1;
    CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      WHILE EXISTS (SELECT FROM held) LOOP PERFORM pg_sleep(0.01); END LOOP;
      RETURN NEW;
    END $$;
    CREATE TRIGGER hold BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION hold()`,
  );
  return {
    isWanted: () => seen(databaseUrl, `wait_event = 'PgSleep'`),
    release: async () => void (await query(databaseUrl, 'DELETE FROM held')),
  };
}

export interface HeldStatement {
  /** Waits until somebody is kept in it. */
  isWanted(): Promise<void>;
  release(): Promise<void>;
}

/** Waits until there are so many such sessions in the database. */
function seen(databaseUrl: string, condition: string, count = 1): Promise<void> {
  const sessions = `
    SELECT FROM pg_stat_activity WHERE ${condition} AND datname = current_database()`;
  return within(20_000, async () => {
    const { length } = await query(databaseUrl, sessions);
    assert.ok(length >= count, `${length} of ${count}`);
  });
}
