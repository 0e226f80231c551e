import type { Readable, Writable } from 'node:stream';
import pg from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import { type Connection, type Sql, type Tx } from '../db.ts';
import { errorCode, translate } from '../db-errors.ts';
import { OperatorError } from '../errors.ts';
import { limits } from '../limits.ts';

/** A transaction that also streams rows. */
export interface CopyTx extends Tx {
  /** The rows of COPY … TO STDOUT. */
  copyOut(query: string): Readable;
  /** Takes the rows for COPY … FROM STDIN. */
  copyIn(statement: string): Writable;
}

/** A connection of its own, outside the pool: COPY takes a connection for itself. */
export interface Session {
  /**
   * Runs `work` in a transaction and commits when it returns.
   * @param begin how it begins: `REPEATABLE READ READ ONLY` and the like
   * @throws what `work` throws, after closing the connection, which rolls back; Unavailable when
   * the server went away
   */
  transaction<T>(begin: string, work: (tx: CopyTx) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** However the server or the role is set up: the same text for the same value, and no hurry. */
const pinned = [
  ['client_encoding', 'UTF8'],
  ['DateStyle', 'ISO, YMD'],
  ['IntervalStyle', 'postgres'],
  ['TimeZone', 'UTC'],
  ['bytea_output', 'hex'],
  ['extra_float_digits', '3'],
  ['row_security', 'off'], // an error is better than rows that are missing
  ['statement_timeout', '0'],
  ['transaction_timeout', '0'], // PostgreSQL 17
  ['idle_in_transaction_session_timeout', '0'],
  ['lock_timeout', `${limits.backupLockTimeoutMs}`],
];

/**
 * Connects. When `stop` is aborted the connection is cut, which fails what runs on it and rolls it
 * back.
 * @throws OperatorError when the server refuses or cannot be reached
 */
export async function openSession(connection: Connection, stop: AbortSignal): Promise<Session> {
  const client = new pg.Client({ ...connection, application_name: 'souk', keepAlive: true });
  client.on('error', () => undefined); // fails what runs on it, too
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => (closing ??= client.end());
  const cut = (): void => void close();
  try {
    await client.connect();
    await client.query(
      `SELECT set_config(name, value, false)
       FROM pg_settings JOIN unnest($1::text[], $2::text[]) AS pinned (name, value) USING (name)`,
      [pinned.map(([name]) => name), pinned.map(([, value]) => value)],
    );
  } catch (error) {
    cut();
    throw new OperatorError(`Cannot use the database: ${reasonOf(error)}. Check DATABASE_URL.`);
  }
  // So that a statement that runs long ends with us. Not every system can look.
  await client.query(`SET client_connection_check_interval = '1s'`).catch(() => undefined);
  if (stop.aborted) cut();
  stop.addEventListener('abort', cut, { once: true });

  async function transaction<T>(begin: string, work: (tx: CopyTx) => Promise<T>): Promise<T> {
    await client.query(`BEGIN ISOLATION LEVEL ${begin}`);
    let result: T;
    try {
      result = await work(openCopyTx(client));
    } catch (error) {
      // Rows that nobody takes may stand between us and the answer to a ROLLBACK.
      cut();
      throw translate(error);
    }
    stop.removeEventListener('abort', cut); // from here on it either happens or does not
    const { command } = await client.query('COMMIT');
    if (command !== 'COMMIT') throw new Error('The transaction was rolled back');
    stop.addEventListener('abort', cut, { once: true });
    return result;
  }
  return { transaction, close };
}

function openCopyTx(client: pg.Client): CopyTx {
  const run = ({ text, values }: Sql) => client.query({ text, values });
  const rows = async <Row>(query: Sql): Promise<Row[]> => (await run(query)).rows as Row[];
  return {
    rows,
    row: async <Row>(query: Sql) => (await rows<Row>(query))[0],
    copyOut: (query: string) => client.query(copyTo(`COPY (${query}) TO STDOUT`)),
    copyIn: (statement: string) => client.query(copyFrom(statement)),
  } as unknown as CopyTx;
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message || errorCode(error) : String(error);
}
