import pg from 'pg';
import { Unavailable } from './errors.ts';

/** The five-character SQLSTATE of a PostgreSQL error, or a Node error code. */
export function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

/** What was read is not so any more: `db.transaction` runs its work once more. */
export class Outdated extends Error {
  readonly code = '40001'; // as the server says it
}

/** The server itself refused, so nothing of the transaction has happened. */
export function isServerRefusal(error: unknown): boolean {
  return error instanceof pg.DatabaseError;
}

/** A lock was not to be had in time, so nothing of the transaction has happened. */
export function isLockTimeout(error: unknown): boolean {
  return errorCode(error instanceof Unavailable ? error.cause : error) === '55P03';
}

/** Another try at the same transaction may succeed at once. */
export function isRetryable(error: unknown): boolean {
  return ['40001', '40P01'].includes(errorCode(error));
}

/** The server does not know us: a password that was changed, a database renamed. */
export function isLockedOut(error: unknown): boolean {
  return /^(28...|3D000)$/.test(errorCode(error));
}

// Classes 08 (connection) and 57P (shutdown); too many connections, disk full, a database closed
// to connections, lock and statement time-outs, read-only standby.
const awayStates = /^(08...|57P0.|53...|55000|55P03|57014|25006|25P03|40001|40P01)$/;
const awayErrnos = /^(ECONN.*|ENOENT|EPIPE|EPROTO|ETIMEDOUT|EAI_AGAIN|ENOTFOUND|ENET.*|EHOST.*)$/;
const awayTexts = [
  'Connection terminated',
  'timeout exceeded when trying to connect',
  'Query read timeout',
  'Cannot use a pool after calling end',
  'Client was closed',
  'Client has encountered a connection error',
];

/** The server cannot do it just now, whatever is asked of it. */
export function isAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = errorCode(error);
  if (isLockedOut(error) || awayStates.test(code) || awayErrnos.test(code)) return true;
  return awayTexts.some((text) => error.message.includes(text));
}

/** What a caller is told: Unavailable for all that `isAway`. */
export function translate(error: unknown): unknown {
  if (error instanceof Unavailable || !isAway(error)) return error;
  const away = new Unavailable('The database is not available just now. Try again in a moment.');
  away.cause = error;
  return away;
}
