import { type Db, errorCode, type Runner, sql } from '../../kernel/db.ts';
import { OperatorError } from '../../kernel/errors.ts';
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
        RETURNING id, email, name
      ), stream AS (
        INSERT INTO streams (user_id) SELECT id FROM account
      )
      SELECT id, email, name FROM account`);
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
 * The account of an email (without regard to case) and password, or undefined. Takes the same
 * time whether or not the email is known.
 * @throws Unavailable when too many passwords wait to be checked
 */
export async function findAccountByPassword(
  db: Db,
  email: string,
  password: string,
): Promise<Account | undefined> {
  const found = await db.row<Account & { password_hash: string }>(sql`
    SELECT id, email, name, password_hash FROM users WHERE lower(email) = lower(${email})`);
  const right = await checkPassword(found?.password_hash, password);
  return found && right ? { id: found.id, email: found.email, name: found.name } : undefined;
}

/** Begins a session, which both tokens of a login belong to. Returns its id. */
export async function beginSession(db: Db, userId: number, hours: number): Promise<string> {
  const id = newId();
  await db.rows(sql`
    INSERT INTO sessions (id, user_id, expires_at)
    VALUES (${id}, ${userId}, now() + make_interval(hours => ${hours}))`);
  return id;
}

/**
 * Gives an existing account another role and ends its sessions, which carry the old one.
 * @throws OperatorError when there is no account with this email
 */
export async function changeRole(db: Db, email: string, role: Role): Promise<void> {
  const changed = await db.row(sql`
    WITH account AS (
      UPDATE users SET role = ${role} WHERE lower(email) = lower(${email}) RETURNING id
    ), ended AS (
      UPDATE sessions SET revoked_at = now()
      WHERE user_id IN (SELECT id FROM account) AND revoked_at IS NULL
    )
    SELECT id FROM account`);
  if (!changed) throw new OperatorError(`There is no account with the email ${email}.`);
}
