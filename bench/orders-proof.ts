import type { Bench, Souk } from './bench.ts';
import { CONNECTIONS } from './http-load.ts';
import { LIMIT_DATABASE } from './market.ts';
import { withDatabase } from './souk.ts';

/** Whether orders are what the shop said of them: a fast wrong answer is worth nothing. */
export interface Proof {
  right: boolean;
  note: string;
}

/**
 * Counts the orders before and after `work`, which tells how many were acknowledged and in how
 * many runs: at the end of a run each connection may have one that was made but not heard of.
 */
export async function proveOrders(
  bench: Bench,
  souk: Souk,
  work: () => Promise<{ acknowledged: number; runs: number }>,
): Promise<Proof> {
  const before = await countOrders(souk);
  const { acknowledged, runs } = await work();
  const made = (await countOrders(souk)) - before;
  const exact = made >= acknowledged && made <= acknowledged + runs * CONNECTIONS;
  const verified = await verify(bench, souk);
  const counted = `${acknowledged} orders acknowledged, ${made} in the database`;
  return {
    right: exact && verified,
    note: `${counted}; ${verified ? 'souk verify holds for both databases' : 'NOT CONSERVED'}`,
  };
}

async function countOrders({ database }: Souk): Promise<number> {
  const { rows } = await withDatabase(database, 'souk', (client) =>
    client.query<{ n: string }>('SELECT count(*) AS n FROM orders'),
  );
  return Number(rows[0]?.n);
}

/** Stock, orders and streams add up, in the shop's database and in the one of the limits. */
export async function verify(bench: Bench, souk: Souk): Promise<boolean> {
  for (const database of [undefined, LIMIT_DATABASE]) {
    try {
      await souk.command(['verify'], database);
    } catch (error) {
      bench.signal.throwIfAborted();
      bench.say(String(error));
      return false;
    }
  }
  return true;
}
