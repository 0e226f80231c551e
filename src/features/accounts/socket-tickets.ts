import { createHash, randomBytes } from 'node:crypto';
import { type Db, sql } from '../../kernel/db.ts';
import { limits } from '../../kernel/limits.ts';
import type { Principal } from './sessions.ts';

const hashOf = (ticket: string): Buffer => createHash('sha256').update(ticket).digest();

/** A random single-use word that opens one socket within 30 seconds, in place of a token. */
export async function issueTicket(db: Db, { sessionId }: Principal): Promise<string> {
  const ticket = randomBytes(24).toString('base64url');
  await db.rows(sql`
    INSERT INTO socket_tickets (ticket_hash, session_id, expires_at)
    VALUES (${hashOf(ticket)}, ${sessionId},
      now() + make_interval(secs => ${limits.socketTicketSeconds}))`);
  return ticket;
}

/** The session and user of a ticket, which is then used up; undefined for any other word. */
export async function redeemTicket(
  db: Db,
  ticket: string,
): Promise<{ sessionId: string; userId: number } | undefined> {
  return db.row(sql`
    DELETE FROM socket_tickets t USING sessions s
    WHERE t.ticket_hash = ${hashOf(ticket)} AND t.expires_at > now() AND s.id = t.session_id
    RETURNING s.id AS "sessionId", s.user_id AS "userId"`);
}
