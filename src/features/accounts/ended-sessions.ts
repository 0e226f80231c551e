import type { Bus } from '../../kernel/bus.ts';
import { type Runner, type Sql, sql } from '../../kernel/db.ts';

/** Why a session ended before its time. */
export type EndReason = 'logout' | 'password' | 'disabled' | 'role';

/** Sessions of one user that ended together. */
export interface Ended {
  userId: number;
  /** null: ended by a node of an older version */
  reason: EndReason | null;
  /** by the database's clock, ISO 8601 */
  at: string;
  sessionIds: string[];
}

export interface EndedRow {
  id: string;
  user_id: number;
  revoked_for: EndReason | null;
  revoked_at: Date;
}

const topic = 'sessions.ended';

/** To be called after the commit: every node forgets these sessions and closes their sockets. */
export function tellEnded(bus: Bus, ended: Ended[]): void {
  for (const one of ended) bus.publish(topic, one);
}

export function hearOfEnded(bus: Bus, listener: (ended: Ended) => void): void {
  bus.subscribe(topic, listener);
}

/** The rows by user and reason. */
export function gatherEnded(rows: EndedRow[]): Ended[] {
  const groups = new Map<string, Ended>();
  for (const { id, user_id: userId, revoked_for: reason, revoked_at } of rows) {
    const key = `${userId} ${reason}`;
    const at = revoked_at.toISOString();
    const group = groups.get(key) ?? { userId, reason, at, sessionIds: [] };
    if (at > group.at) group.at = at;
    group.sessionIds.push(id);
    groups.set(key, group);
  }
  return [...groups.values()];
}

/**
 * Ends the sessions that `which` selects and that had not ended. Locks them in the order of their
 * ids, so that two who end the same ones do not deadlock. The time is that of the update, not of
 * the transaction, which may have waited long: nodes look back only so far.
 */
export function endSessions(db: Runner, which: Sql, reason: EndReason): Promise<EndedRow[]> {
  return db.rows<EndedRow>(sql`
    WITH live AS (
      SELECT id FROM sessions WHERE ${which} AND revoked_at IS NULL
      ORDER BY id FOR NO KEY UPDATE
    )
    UPDATE sessions s SET revoked_at = clock_timestamp(), revoked_for = ${reason}
    FROM live WHERE s.id = live.id
    RETURNING s.id, s.user_id, s.revoked_for, s.revoked_at`);
}
