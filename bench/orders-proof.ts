import type { Bench, Souk } from './bench.ts';
import { LIMIT_DATABASE } from './market.ts';
import { withDatabase } from './souk.ts';

/** What each request leaves in the database, by a statement that counts it. */
export interface Effect {
  what: string;
  count: string;
}

export const orders: Effect = { what: 'orders', count: 'SELECT count(*) AS n FROM orders' };
export const statusSteps: Effect = {
  what: 'steps',
  count: "SELECT count(*) AS n FROM notifications WHERE type = 'order.status_updated'",
};

/** Whether all is as the shop said: a fast wrong answer is worth nothing. */
export interface Proof {
  right: boolean;
  note: string;
}

/** Counts the effects before and after `work`, which tells how many were acknowledged. */
export async function proveEffects(
  { bench, souk, effect }: { bench: Bench; souk: Souk; effect: Effect },
  work: () => Promise<number>,
): Promise<Proof> {
  const before = await count(souk, effect);
  const acknowledged = await work();
  const made = (await count(souk, effect)) - before;
  const verified = await verify(bench, souk);
  const counted = `${acknowledged} ${effect.what} acknowledged, ${made} in the database`;
  return {
    right: made === acknowledged && verified,
    note: `${counted}; ${verified ? 'souk verify holds for both databases' : 'NOT CONSERVED'}`,
  };
}

async function count({ database }: Souk, { count }: Effect): Promise<number> {
  const { rows } = await withDatabase(database, 'souk', (client) =>
    client.query<{ n: string }>(count),
  );
  return Number(rows[0]?.n);
}

/** Stock, orders and streams add up, in the shop's database and in the one of the limits. */
async function verify(bench: Bench, souk: Souk): Promise<boolean> {
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
