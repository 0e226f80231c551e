import { hashPassword } from '../src/features/accounts/passwords.ts';
import { openTokens } from '../src/features/accounts/tokens.ts';
import { jwtSecret } from '../test/harness.ts';
import type { Person } from './people.ts';
import type { Town } from './town.ts';

export type Buyer = Pick<Person, 'id' | 'access'>;

/**
 * Many buyers at once: rows of accounts that share one password hash, each with its session, and
 * tokens signed with the key of the town. Registering each would cost 12 ms of hashing.
 */
export async function gather({ database }: Town, count: number): Promise<Buyer[]> {
  const hash = await hashPassword('of all of the crowd');
  const rows = await database.rows(
    `WITH account AS (
      INSERT INTO users (email, password_hash, role, user_type)
      SELECT 'crowd-' || gen_random_uuid() || '@example.com', $2, 'buyer', 'viewer'
      FROM generate_series(1, $1) RETURNING id
    ), stream AS (
      INSERT INTO streams (user_id) SELECT id FROM account
    )
    INSERT INTO sessions (id, user_id, expires_at)
    SELECT gen_random_uuid(), id, now() + interval '1 day' FROM account
    RETURNING id AS "sessionId", user_id AS "userId"`,
    [count, hash],
  );
  const lifetimes = { accessTokenMinutes: 24 * 60, refreshTokenHours: 24 };
  const tokens = openTokens(Buffer.from(jwtSecret), lifetimes);
  return rows.map(({ sessionId, userId }) => ({
    id: userId,
    access: tokens.sign('access', { userId, sessionId }),
  }));
}

/** Runs `work` for each of the items, some at once, until all are done or somebody stops it. */
export async function inTurns<Item>(
  items: readonly Item[],
  { atOnce, signal }: { atOnce: number; signal: AbortSignal },
  work: (item: Item, index: number) => Promise<void>,
): Promise<void> {
  const queue = items.entries();
  const lane = async (): Promise<void> => {
    for (const [index, item] of queue) {
      if (signal.aborted) return;
      await work(item, index);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
}
