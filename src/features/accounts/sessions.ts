import type { Context } from '../../context.ts';
import { sql } from '../../kernel/db.ts';
import { limits } from '../../kernel/limits.ts';
import { repeat } from '../../kernel/repeat.ts';
import type { Role } from './accounts.ts';

/** Who is calling. */
export interface Principal {
  userId: number;
  role: Role;
  sessionId: string;
}

type Ended = (sessionIds: string[]) => void;

/**
 * The sessions that this node knows to be live. A session is read from the database when first
 * seen and kept; revoked ones are dropped on a hint from whoever revoked them, and by a look at
 * the database every `sessionPollMs`. When that look has not succeeded for a second, nothing kept
 * is trusted and every request asks the database. So a revocation holds everywhere within a
 * second, whether or not hints arrive.
 */
export interface Sessions {
  /** The principal of a live session; undefined when it is revoked, expired or unknown. */
  find(sessionId: string, userId: number): Promise<Principal | undefined>;
  userExists(userId: number): Promise<boolean>;
  /** Ends sessions for good, on every node. */
  revoke(sessionIds: string[]): Promise<void>;
  /** Calls back with the sessions that have ended, on whichever node; repeats are possible. */
  onEnded(listener: Ended): void;
  close(): void;
}

const topic = 'sessions.revoked';

export function openSessions(context: Context): Sessions {
  const { db, bus, log } = context;
  const live = new Map<string, Principal>(); // in order of use: the first is the eldest
  const listeners: Ended[] = [];
  let trustedUntil = 0;

  const drop = (sessionIds: string[]): void => {
    for (const id of sessionIds) live.delete(id);
    for (const listener of listeners) listener(sessionIds);
  };
  bus.subscribe(topic, (hint: string[]) => drop(hint));

  async function poll(): Promise<void> {
    const began = Date.now();
    const revoked = await db.rows<{ id: string }>(sql`
      SELECT id FROM sessions
      WHERE revoked_at > now() - make_interval(secs => ${limits.sessionOverlapSeconds})`);
    if (revoked.length > 0) drop(revoked.map((row) => row.id));
    trustedUntil = began + 2 * limits.sessionPollMs;
  }
  const polling = repeat(poll, limits.sessionPollMs, (error) => {
    log.debug({ err: error }, 'could not look for revoked sessions');
  });
  const pruning = repeat(
    () => prune(context),
    3_600_000,
    (error) => {
      log.warn({ err: error }, 'could not remove expired sessions');
    },
  );

  async function find(sessionId: string, userId: number): Promise<Principal | undefined> {
    const known = live.get(sessionId);
    if (known && Date.now() < trustedUntil) return known.userId === userId ? known : undefined;
    const row = await db.row<{ user_id: number; role: Role }>(sql`
      SELECT s.user_id, u.role FROM sessions s JOIN users u ON u.id = s.user_id
      WHERE s.id = ${sessionId} AND s.revoked_at IS NULL AND s.expires_at > now()`);
    if (row === undefined || row.user_id !== userId) return undefined;
    const principal = { userId, role: row.role, sessionId };
    live.delete(sessionId);
    live.set(sessionId, principal);
    if (live.size > limits.cachedSessions) live.delete(live.keys().next().value as string);
    return principal;
  }

  return {
    find,
    userExists: async (userId) =>
      (await db.row(sql`SELECT 1 FROM users WHERE id = ${userId}`)) !== undefined,
    async revoke(sessionIds) {
      await db.rows(sql`
        UPDATE sessions SET revoked_at = now()
        WHERE id = ANY(${sessionIds}::uuid[]) AND revoked_at IS NULL`);
      bus.publish(topic, sessionIds);
    },
    onEnded: (listener) => void listeners.push(listener),
    close() {
      polling.stop();
      pruning.stop();
    },
  };
}

/** Sessions and tickets that nothing can use any more. */
async function prune({ db }: Context): Promise<void> {
  await db.rows(sql`DELETE FROM sessions WHERE expires_at < now() - interval '2 days'`);
  await db.rows(sql`DELETE FROM socket_tickets WHERE expires_at < now()`);
}
