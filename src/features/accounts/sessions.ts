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

interface SessionRow {
  user_id: number;
  role: Role;
  expires_at: Date;
}

type Ended = (sessionIds: string[]) => void;

const topic = 'sessions.revoked';

/**
 * The sessions that this node knows to be live. A session is read from the database when first
 * seen and kept; revoked ones are dropped on a hint from whoever revoked them, and by a look at
 * the database every `sessionPollMs`. When that look has not succeeded for a while, nothing kept
 * is trusted and every request asks the database. So a revocation holds everywhere within a
 * second, whether or not hints arrive.
 */
export class Sessions {
  readonly #context: Context;
  readonly #live = new Map<string, Principal & { expiresAt: number }>(); // first read, first out
  readonly #listeners: Ended[] = [];
  readonly #timers: { stop(): void }[];
  #trustedUntil = 0;

  constructor(context: Context) {
    this.#context = context;
    const { bus, log } = context;
    bus.subscribe(topic, (sessionIds: string[]) => this.#drop(sessionIds));
    this.#timers = [
      repeat(
        () => this.#lookForEnded(),
        limits.sessionPollMs,
        (error) => log.debug({ err: error }, 'could not look for revoked sessions'),
      ),
      repeat(
        () => prune(context),
        limits.prunePauseMs,
        (error) => log.warn({ err: error }, 'could not remove expired sessions'),
      ),
    ];
  }

  /** The principal of a live session that this node knows and may trust just now. */
  known(sessionId: string, userId: number): Principal | undefined {
    const principal = this.#live.get(sessionId);
    const now = Date.now();
    if (principal?.userId !== userId || now >= this.#trustedUntil) return undefined;
    return now < principal.expiresAt ? principal : undefined;
  }

  /** The principal of a live session; undefined when it is revoked, expired or unknown. */
  async find(sessionId: string, userId: number): Promise<Principal | undefined> {
    const known = this.known(sessionId, userId);
    if (known) return known;
    const row = await this.#context.db.row<SessionRow>(sql`
      SELECT s.user_id, u.role, s.expires_at FROM sessions s JOIN users u ON u.id = s.user_id
      WHERE s.id = ${sessionId} AND s.revoked_at IS NULL AND s.expires_at > now()`);
    if (row === undefined || row.user_id !== userId) return undefined;
    const expiresAt = row.expires_at.getTime();
    const principal = { userId, role: row.role, sessionId, expiresAt };
    this.#live.delete(sessionId);
    this.#live.set(sessionId, principal);
    if (this.#live.size > limits.cachedSessions) {
      this.#live.delete(this.#live.keys().next().value as string);
    }
    return principal;
  }

  async userExists(userId: number): Promise<boolean> {
    const found = await this.#context.db.row(sql`SELECT 1 FROM users WHERE id = ${userId}`);
    return found !== undefined;
  }

  /** Ends sessions for good, on every node. */
  async revoke(sessionIds: string[]): Promise<void> {
    await this.#context.db.rows(sql`
      UPDATE sessions SET revoked_at = now()
      WHERE id = ANY(${sessionIds}::uuid[]) AND revoked_at IS NULL`);
    this.#context.bus.publish(topic, sessionIds);
  }

  /** Calls back with the sessions that have ended, on whichever node; repeats are possible. */
  onEnded(listener: Ended): void {
    this.#listeners.push(listener);
  }

  close(): void {
    for (const timer of this.#timers) timer.stop();
  }

  #drop(sessionIds: string[]): void {
    for (const id of sessionIds) this.#live.delete(id);
    for (const listener of this.#listeners) listener(sessionIds);
  }

  /** Expired ones too: their sockets end. */
  async #lookForEnded(): Promise<void> {
    const began = Date.now();
    const ended = await this.#context.db.beside.rows<{ id: string }>(sql`
      SELECT id FROM sessions
      WHERE revoked_at > now() - make_interval(secs => ${limits.sessionOverlapSeconds})
      UNION ALL SELECT id FROM sessions
      WHERE expires_at BETWEEN now() - make_interval(secs => ${limits.sessionOverlapSeconds})
        AND now()`);
    if (ended.length > 0) this.#drop(ended.map((row) => row.id));
    this.#trustedUntil = began + limits.sessionTrustMs;
  }
}

/** Removes sessions and tickets that nothing can use any more, a bounded number at a time. */
async function prune({ db }: Context): Promise<void> {
  for (let removed: number = limits.prunedAtOnce; removed === limits.prunedAtOnce; ) {
    const rows = await db.rows(sql`
      DELETE FROM sessions WHERE id IN (
        SELECT id FROM sessions WHERE expires_at < now() - interval '2 days'
        LIMIT ${limits.prunedAtOnce})
      RETURNING id`);
    removed = rows.length;
  }
  await db.rows(sql`DELETE FROM socket_tickets WHERE expires_at < now()`);
}
