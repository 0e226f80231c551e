import assert from 'node:assert/strict';
import pg from 'pg';
import { within } from '../shopping.ts';

/** A product whose row is locked: an order of it runs until `release`, or the lock time-out. */
export class HeldProduct {
  readonly #client: pg.Client;

  private constructor(databaseUrl: string) {
    this.#client = new pg.Client({ connectionString: databaseUrl });
    this.#client.on('error', () => undefined);
  }

  static async hold(databaseUrl: string, { id }: { id: string }): Promise<HeldProduct> {
    const held = new HeldProduct(databaseUrl);
    await held.#client.connect();
    await held.#client.query('BEGIN');
    await held.#client.query('SELECT FROM products WHERE id = $1 FOR UPDATE', [id]);
    return held;
  }

  /** Waits until an order waits for the product. */
  async isWanted(): Promise<void> {
    const waiting = `SELECT FROM pg_locks WHERE NOT granted`;
    await within(5_000, async () => {
      assert.equal((await this.#client.query(waiting)).rowCount, 1);
    });
  }

  release(): Promise<void> {
    return this.#client.end();
  }
}
