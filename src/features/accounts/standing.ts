import type { Context } from '../../context.ts';
import { type Runner, sql, type Tx } from '../../kernel/db.ts';
import { OperatorError } from '../../kernel/errors.ts';
import { newId } from '../../kernel/ids.ts';
import { limits } from '../../kernel/limits.ts';
import type { Role } from './accounts.ts';
import { type EndedRow, endSessions, gatherEnded, tellEnded } from './ended-sessions.ts';

// What an operator does to somebody's account. Each change is recorded in its own commit, and ends
// the sessions that began before it.

interface Standing {
  id: number;
  email: string;
  role: Role;
  disabledAt: Date | null;
}

interface Note {
  /** who does it */
  by: string;
  /** why, for the record */
  reason?: string | undefined;
}

interface Change extends Note {
  kind: 'disabled' | 'enabled' | 'role';
  role?: Role;
}

/** `changed` is false when the account was in this state already. */
export interface Outcome extends Standing {
  changed: boolean;
  sessionsEnded: number;
}

type Shop = Pick<Context, 'db' | 'bus'>;

/**
 * Puts an account out: nobody logs in to it, and its sessions end on every node.
 * @param who an email, compared without case, or the id of a user
 * @throws OperatorError when there is no such account
 */
export function disableAccount(shop: Shop, who: string, note: Note): Promise<Outcome> {
  return changeStanding(shop, who, async (tx, { id, disabledAt }) => {
    if (disabledAt) return undefined;
    await tx.rows(sql`UPDATE users SET disabled_at = now() WHERE id = ${id}`);
    return { kind: 'disabled', ...note };
  });
}

/**
 * Lets a disabled account log in again. The sessions it had stay ended.
 * @throws OperatorError when there is no such account
 */
export function enableAccount(shop: Shop, who: string, note: Note): Promise<Outcome> {
  return changeStanding(shop, who, async (tx, { id, disabledAt }) => {
    if (!disabledAt) return undefined;
    await tx.rows(sql`UPDATE users SET disabled_at = NULL WHERE id = ${id}`);
    return { kind: 'enabled', ...note };
  });
}

/**
 * Gives an existing account a role and ends its sessions, also when it has this role already.
 * @throws OperatorError when there is no such account
 */
export function changeRole(
  shop: Shop,
  who: string,
  { role, ...note }: { role: Role } & Note,
): Promise<Outcome> {
  return changeStanding(shop, who, async (tx, { id }) => {
    await tx.rows(sql`UPDATE users SET role = ${role} WHERE id = ${id}`);
    return { kind: 'role', role, ...note };
  });
}

/** @param decide changes the account's row, unless there is nothing to change */
async function changeStanding(
  { db, bus }: Shop,
  who: string,
  decide: (tx: Tx, account: Standing) => Promise<Change | undefined>,
): Promise<Outcome> {
  const { outcome, ended } = await db.transaction(async (tx) => {
    const account = await lockStanding(tx, who);
    const change = await decide(tx, account);
    const rows = change ? await endAndRecord(tx, account.id, change) : [];
    const counts = { changed: change !== undefined, sessionsEnded: rows.length };
    return {
      outcome: { ...(await lockStanding(tx, who)), ...counts },
      ended: gatherEnded(rows),
    };
  });
  tellEnded(bus, ended);
  return outcome;
}

const standing = (who: string) => sql`
  SELECT id, email, role, disabled_at AS "disabledAt" FROM users
  WHERE lower(email) = lower(${who}) OR id = ${userIdOf(who)}`;

/** Null for what cannot be the id of a user. */
function userIdOf(who: string): number | null {
  const id = /^\d{1,10}$/.test(who) ? Number(who) : 0;
  return id >= 1 && id <= 2_147_483_647 ? id : null;
}

const unknown = (who: string) =>
  new OperatorError(`There is no account with the ${/^\d+$/.test(who) ? 'id' : 'email'} ${who}.`);

/** A login holds the row shared until its session is there, or waits for us and looks again. */
async function lockStanding(tx: Tx, who: string): Promise<Standing> {
  const found = await tx.row<Standing>(sql`${standing(who)} FOR NO KEY UPDATE`);
  if (!found) throw unknown(who);
  return found;
}

/**
 * Comes after the statement that changed the account: only then does it see the sessions of the
 * logins which that one had to wait for.
 */
async function endAndRecord(tx: Tx, userId: number, change: Change): Promise<EndedRow[]> {
  const { kind, role = null, reason = null, by } = change;
  const live = sql`user_id = ${userId} AND expires_at > now()`;
  const rows = kind === 'enabled' ? [] : await endSessions(tx, live, kind);
  tx.send(sql`
    INSERT INTO account_changes (id, user_id, kind, role, reason, made_by, sessions_ended)
    VALUES (${newId()}, ${userId}, ${kind}, ${role}, ${reason}, ${by}, ${rows.length})`);
  return rows;
}

/** What was done to an account: `kind`, the role it got, why and by whom. */
interface RecordedChange {
  kind: Change['kind'];
  role: Role | null;
  reason: string | null;
  by: string;
  sessionsEnded: number;
  at: Date;
}

/**
 * An account for those who run the shop: its state, how many live sessions it has, and the latest
 * changes that they made to it, newest first.
 * @throws OperatorError when there is no such account
 */
export async function describeAccount(
  db: Runner,
  who: string,
): Promise<Standing & { liveSessions: number; changes: RecordedChange[] }> {
  const found = await db.row<Standing>(standing(who));
  if (!found) throw unknown(who);
  const live = await db.row<{ count: number }>(sql`
    SELECT count(*) FROM sessions
    WHERE user_id = ${found.id} AND revoked_at IS NULL AND expires_at > now()`);
  const changes = await db.rows<RecordedChange>(sql`
    SELECT kind, role, reason, made_by AS by, sessions_ended AS "sessionsEnded", created_at AS at
    FROM account_changes WHERE user_id = ${found.id}
    ORDER BY created_at DESC, id DESC LIMIT ${limits.accountChangesShown}`);
  return { ...found, liveSessions: live?.count ?? 0, changes };
}
