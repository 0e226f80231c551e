import type { Context } from '../../context.ts';
import { sql } from '../../kernel/db.ts';
import { limits } from '../../kernel/limits.ts';
import { type Repeated, repeat } from '../../kernel/repeat.ts';
import type { Role } from './accounts.ts';
import {
  type Ended,
  type EndedRow,
  endSessions,
  gatherEnded,
  hearOfEnded,
  tellEnded,
} from './ended-sessions.ts';

/** Who is calling. */
export interface Principal {
  userId: number;
  role: Role;
  sessionId: string;
}

type LiveSession = Principal & { expiresAt: number };

interface SessionRow {
  user_id: number;
  role: Role;
  expires_at: Date;
}

/** A session that was revoked or (without `revoked_at`) expired; nulls when there is none. */
type LookRow = { looked_at: Date } & { [Field in keyof EndedRow]: EndedRow[Field] | null };

type Listener = (sessionIds: string[]) => void;

/**
 * The sessions that this node knows to be live. A session is read from the database when first
 * seen and kept; revoked ones are dropped on a hint from whoever revoked them, and by a look at
 * the database every `sessionPollMs`. When that look has not succeeded for a while, nothing kept
 * is trusted and every request asks the database. So a revocation holds everywhere within a
 * second, whether or not hints arrive.
 */
export class Sessions {
  readonly #context: Context;
  readonly #live = new Map<string, LiveSession>(); // first read, first out
  readonly #reading = new Map<string, Promise<LiveSession | undefined>>();
  /** that ended lately, and when this node last met them; the one met longest ago first */
  readonly #ended = new Map<string, number>();
  readonly #listeners: Listener[] = [];
  readonly #looking: Repeated;
  readonly #pruning: Repeated;
  #lookedAt: Date | undefined; // by the database's clock
  #trustedUntil = 0;

  constructor(context: Context) {
    this.#context = context;
    const { bus, log } = context;
    hearOfEnded(bus, (ended) => this.#end(ended));
    this.#looking = repeat(
      () => this.#lookForEnded(),
      limits.sessionPollMs,
      (error) => log.debug({ err: error }, 'could not look for revoked sessions'),
    );
    this.#pruning = repeat(
      () => prune(context),
      limits.prunePauseMs,
      (error) => log.warn({ err: error }, 'could not remove expired sessions'),
    );
  }

  /** The principal of a live session that this node knows and may trust just now. */
  known(sessionId: string, userId: number): Principal | undefined {
    this.#looking.catchUp();
    const principal = this.#live.get(sessionId);
    const now = Date.now();
    if (principal?.userId !== userId || now >= this.#trustedUntil) return undefined;
    return now < principal.expiresAt ? principal : undefined;
  }

  /** The principal of a live session; undefined when it is revoked, expired or unknown. */
  async find(sessionId: string, userId: number): Promise<Principal | undefined> {
    const known = this.known(sessionId, userId);
    if (known) return known;
    const principal = await this.#read(sessionId);
    if (this.#ended.has(sessionId)) return undefined; // while the answer was on its way
    return principal?.userId === userId ? principal : undefined;
  }

  /** Requests at the same time share one look: a client may send thousands of them at once. */
  #read(sessionId: string): Promise<LiveSession | undefined> {
    const running = this.#reading.get(sessionId);
    if (running) return running;
    const reading = readSession(this.#context, sessionId)
      .then((principal) => {
        // Not when the session ended meanwhile.
        if (principal && this.#reading.get(sessionId) === reading) this.#keep(principal);
        return principal;
      })
      .finally(() => {
        if (this.#reading.get(sessionId) === reading) this.#reading.delete(sessionId);
      });
    this.#reading.set(sessionId, reading);
    return reading;
  }

  #keep(principal: LiveSession): void {
    this.#live.delete(principal.sessionId);
    this.#live.set(principal.sessionId, principal);
    if (this.#live.size > limits.cachedSessions) {
      this.#live.delete(this.#live.keys().next().value as string);
    }
  }

  async userExists(userId: number): Promise<boolean> {
    const found = await this.#context.db.row(sql`SELECT 1 FROM users WHERE id = ${userId}`);
    return found !== undefined;
  }

  /** Ends sessions for good, on every node, as their user asked. */
  async logOut(sessionIds: string[]): Promise<void> {
    const { db, bus } = this.#context;
    const rows = await endSessions(db, sql`id = ANY(${sessionIds}::uuid[])`, 'logout');
    tellEnded(bus, gatherEnded(rows));
    this.#forget(sessionIds); // also those that ended elsewhere, of which no hint has come
  }

  /** Calls back with the sessions that have ended, on whichever node; repeats are possible. */
  onEnded(listener: Listener): void {
    this.#listeners.push(listener);
  }

  close(): void {
    this.#looking.stop();
    this.#pruning.stop();
  }

  #forget(sessionIds: string[]): void {
    for (const id of sessionIds) {
      this.#live.delete(id);
      this.#reading.delete(id); // what was read before may not be so any more
    }
    for (const listener of this.#listeners) listener(sessionIds);
  }

  /** Logs who was put out once, however often this node hears of it. */
  #end({ userId, reason, at, sessionIds }: Ended): void {
    const fresh = sessionIds.filter((id) => !this.#ended.has(id));
    for (const id of sessionIds) {
      this.#ended.delete(id);
      this.#ended.set(id, Date.now());
    }
    this.#forget(sessionIds);
    // A hint may come late, from a Redis that hung: the looks have told of that long ago.
    const toldUntil = (this.#lookedAt?.getTime() ?? 0) - limits.sessionOverlapSeconds * 1000;
    if (fresh.length === 0 || Date.parse(at) < toldUntil) return;
    this.#context.log.info({ userId, sessions: fresh.length, reason, at }, 'sessions ended');
  }

  /**
   * Expired ones too: their sockets end. Looks back to the last look that succeeded, however long
   * ago, and further by the time that a revocation may take to become visible.
   */
  async #lookForEnded(): Promise<void> {
    const began = Date.now();
    // Both bounds, since the planner takes an open range of unknown begin for a third of the table.
    const rows = await this.#context.db.beside.rows<LookRow>(sql`
      WITH look AS (
        SELECT now() AS looked_at, coalesce(${this.#lookedAt ?? null}::timestamptz, now())
          - make_interval(secs => ${limits.sessionOverlapSeconds}) AS since
      )
      SELECT looked_at, e.* FROM look LEFT JOIN LATERAL (
        SELECT id, user_id, revoked_for, revoked_at FROM sessions
        WHERE revoked_at BETWEEN since AND 'infinity'
        UNION ALL SELECT id, user_id, NULL, NULL FROM sessions
        WHERE expires_at BETWEEN since AND now()
      ) e ON true`);
    for (const ended of gatherEnded(rows.filter(isRevoked))) this.#end(ended);
    this.#forget(rows.flatMap((row) => (row.id === null || isRevoked(row) ? [] : [row.id])));
    this.#forgetEnded(began);
    this.#lookedAt = rows[0]?.looked_at;
    this.#trustedUntil = began + limits.sessionTrustMs;
  }

  #forgetEnded(now: number): void {
    const oldest = now - limits.sessionOverlapSeconds * 1000;
    for (const [id, metAt] of this.#ended) {
      if (metAt > oldest && this.#ended.size <= limits.endedSessions) return;
      this.#ended.delete(id);
    }
  }
}

const isRevoked = (row: LookRow): row is LookRow & EndedRow => row.revoked_at !== null;

async function readSession({ db }: Context, sessionId: string): Promise<LiveSession | undefined> {
  const row = await db.row<SessionRow>(sql`
    SELECT s.user_id, u.role, s.expires_at FROM sessions s JOIN users u ON u.id = s.user_id
    WHERE s.id = ${sessionId} AND s.revoked_at IS NULL AND s.expires_at > now()
      AND u.disabled_at IS NULL`);
  if (row === undefined) return undefined;
  const { user_id: userId, role, expires_at } = row;
  return { userId, role, sessionId, expiresAt: expires_at.getTime() };
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
