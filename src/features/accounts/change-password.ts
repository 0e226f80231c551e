import { type Db, sql } from '../../kernel/db.ts';
import { type Ended, endSessions, gatherEnded } from './ended-sessions.ts';
import { checkPassword, hashPassword } from './passwords.ts';
import type { Principal } from './sessions.ts';

/**
 * Gives an account another password and ends its other sessions, whoever holds them. The new one
 * is hashed, not checked: see `passwordFaults`.
 * @returns the sessions that ended, of which the nodes are to be told; undefined when `current` is
 * not the password
 * @throws Unavailable when too many passwords wait to be hashed
 */
export async function changePassword(
  db: Db,
  { userId, sessionId }: Principal,
  { current, next }: { current: string; next: string },
): Promise<Ended[] | undefined> {
  const account = await db.row<{ hash: string }>(sql`
    SELECT password_hash AS hash FROM users WHERE id = ${userId}`);
  if (!account || !(await checkPassword(account.hash, current))) return undefined;
  const hash = await hashPassword(next);
  return db.transaction(async (tx) => {
    // Of two changes at once the first wins: the other one's current password is no longer that.
    // Nor does it count when the account was disabled while the passwords were hashed.
    const changed = await tx.row(sql`
      UPDATE users SET password_hash = ${hash}
      WHERE id = ${userId} AND password_hash = ${account.hash} AND disabled_at IS NULL
      RETURNING id`);
    if (changed === undefined) return undefined;
    const others = sql`user_id = ${userId} AND id <> ${sessionId}`;
    return gatherEnded(await endSessions(tx, others, 'password'));
  });
}
