import { type Db, type Runner, sql } from '../../kernel/db.ts';
import { errorCode } from '../../kernel/db-errors.ts';
import { newId } from '../../kernel/ids.ts';
import { checkPassword, hashPassword } from './passwords.ts';

export type Role = 'buyer' | 'seller' | 'operator';

export interface NewAccount {
  email: string;
  password: string;
  role: Role;
  /** the word the client registered with; echoed, never used to decide */
  userType: string;
  name?: string | undefined;
  username?: string | undefined;
  phoneNumber?: string | undefined;
}

export interface Account {
  id: number;
  email: string;
  name: string | null;
  passwordHash: string;
}

/** An account with the same email, compared without case, exists already. */
export class EmailTaken extends Error {
  override name = 'EmailTaken';
}

/**
 * Creates an account with its (empty) notification stream. The password is hashed, not checked:
 * see `passwordFaults`.
 * @throws EmailTaken · Unavailable when too many passwords wait to be hashed
 */
export async function createAccount(db: Db, account: NewAccount): Promise<Account> {
  // Looked up first so that a taken address costs no hash; the unique index decides.
  if (await emailIsTaken(db, account.email)) throw new EmailTaken(account.email);
  const passwordHash = await hashPassword(account.password);
  try {
    const row = await db.row<Account>(sql`
      WITH account AS (
        INSERT INTO users (email, password_hash, role, user_type, name, username, phone_number)
        VALUES (${account.email}, ${passwordHash}, ${account.role}, ${account.userType},
          ${account.name ?? null}, ${account.username ?? null}, ${account.phoneNumber ?? null})
        RETURNING id, email, name, password_hash
      ), stream AS (
        INSERT INTO streams (user_id) SELECT id FROM account
      )
      SELECT id, email, name, password_hash AS "passwordHash" FROM account`);
    return row as Account;
  } catch (error) {
    if (errorCode(error) === '23505') throw new EmailTaken(account.email);
    throw error;
  }
}

export async function emailIsTaken(db: Runner, email: string): Promise<boolean> {
  return (
    (await db.row(sql`SELECT 1 FROM users WHERE lower(email) = lower(${email})`)) !== undefined
  );
}

/**
 * The account of an email (without regard to case) and password, or undefined; undefined too when
 * it is disabled. Takes the same time in every case.
 * @throws Unavailable when too many passwords wait to be checked
 */
export async function findAccountByPassword(
  db: Db,
  email: string,
  password: string,
): Promise<Account | undefined> {
  const found = await db.row<Account & { disabled: boolean }>(sql`
    SELECT id, email, name, password_hash AS "passwordHash", disabled_at IS NOT NULL AS disabled
    FROM users WHERE lower(email) = lower(${email})`);
  const right = await checkPassword(found?.passwordHash, password);
  if (!found || !right || found.disabled) return undefined;
  return found;
}

/**
 * Begins a session, which both tokens of a login belong to. Returns its id, or undefined when the
 * account is disabled or has another password by now. It waits for whoever is changing the account
 * just now, so that they end the session or it begins under the new state.
 */
export async function beginSession(
  db: Db,
  { id: userId, passwordHash }: Pick<Account, 'id' | 'passwordHash'>,
  hours: number,
): Promise<string | undefined> {
  const begun = await db.row<{ id: string }>(sql`
    INSERT INTO sessions (id, user_id, expires_at)
    SELECT ${newId()}, id, now() + make_interval(hours => ${hours}) FROM users
    WHERE id = ${userId} AND password_hash = ${passwordHash} AND disabled_at IS NULL FOR SHARE
    RETURNING id`);
  return begun?.id;
}
