import type { Duplex } from 'node:stream';
import pg from 'pg';
import sql, { type Sql } from 'sql-template-tag';
import {
  errorCode,
  isAway,
  isLockedOut,
  isLockTimeout,
  isRetryable,
  translate,
} from './db-errors.ts';
import { OperatorError, Unavailable } from './errors.ts';
import { limits } from './limits.ts';
import { Pool } from './pool.ts';

export { sql, type Sql };
export { empty as noSql, join as sqlJoin, raw as sqlRaw } from 'sql-template-tag';

// int8 as a number: every amount and counter here stays below 2^53 (see limits and CHECKs).
pg.types.setTypeParser(pg.types.builtins.INT8, Number);

/** Runs single statements. Every statement is prepared once a connection, under its own name. */
export interface Runner {
  /** @param kind `variant`: put together from parts, so that there may be many different texts */
  rows<Row>(query: Sql, kind?: 'variant'): Promise<Row[]>;
  /** The first row, or undefined when there is none. */
  row<Row>(query: Sql, kind?: 'variant'): Promise<Row | undefined>;
}

declare const atomic: unique symbol;

/** Proof of standing in a transaction: what must be atomic asks for it in its signature. */
export interface Tx extends Runner {
  readonly [atomic]: true;
  /**
   * Sends a statement without waiting for it, so that it shares a round trip with the next ones.
   * Its failure fails the whole transaction.
   */
  send(query: Sql): void;
}

export interface Transactions {
  /**
   * Runs `work` in one READ COMMITTED transaction and commits when it returns. Deadlocks and
   * serialization failures run it again, a bounded number of times, so `work` must not keep state.
   * @throws what `work` throws, after rolling back; Unavailable when the server is away
   */
  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
}

export interface Db extends Runner, Transactions {
  /** Ones that wait for a lock only `limits.lockAgainMs`. */
  impatient: Transactions;
  /**
   * For the small looks at the database that keep caches and sessions trusted: a connection beside
   * the line, for when the line is long they matter most.
   */
  beside: Runner;
  /** Throws Unavailable unless the server answers. */
  ping(): Promise<void>;
  /** Connections: open, idle, and callers waiting for one. */
  load(): { open: number; idle: number; waiting: number };
  close(): Promise<void>;
}

/** What node-postgres needs to find the server. */
export type Connection = Pick<
  pg.PoolConfig,
  'connectionString' | 'host' | 'port' | 'user' | 'password' | 'database' | 'ssl'
>;

const names = new Map<string, string>();
let variants = 0;

/** Variants share a budget of names of their own: they must not crowd out the hot statements. */
function named(query: Sql, kind?: 'variant'): { name?: string; text: string; values: unknown[] } {
  const { text, values } = query;
  let name = names.get(text);
  if (name === undefined && (kind === undefined || variants < limits.preparedVariants)) {
    if (kind) variants += 1;
    name = `s${names.size}`;
    names.set(text, name);
  }
  return name === undefined ? { text, values } : { name, text, values };
}

const requestTimeouts = {
  statement_timeout: limits.statementTimeoutMs,
  lock_timeout: limits.lockTimeoutMs,
  idle_in_transaction_session_timeout: limits.idleTransactionTimeoutMs,
  query_timeout: limits.queryTimeoutMs,
};

/**
 * Opens a pool. Connections are made when first needed; nothing is sent yet.
 * @param options.patient for commands that may run for hours: statements have no time-out
 */
export function openDb(
  connection: Connection,
  options: { onLost: (error: Error) => void; patient?: boolean },
): Db {
  const settings = {
    ...connection,
    ...(options.patient ? {} : requestTimeouts),
    keepAlive: true,
    application_name: 'souk',
    pipeline: true,
  };
  const pool = new Pool({ ...settings, max: limits.databaseConnections }, options.onLost);
  const side = new Pool({ ...settings, max: 1 }, options.onLost);

  const beside = runnerOf(side);
  return {
    ...runnerOf(pool),
    ...transactionsOf(pool, { isImpatient: false }),
    impatient: transactionsOf(pool, { isImpatient: true }),
    beside,
    ping: async () => void (await beside.rows(sql`SELECT 1`)),
    load: () => pool.load(),
    close: async () => void (await Promise.all([pool.close(), side.close()])),
  };
}

/** Single statements, each on a connection of its own for its time. */
function runnerOf(pool: Pool): Runner {
  const rows = async <Row>(query: Sql, kind?: 'variant'): Promise<Row[]> => {
    let client: pg.PoolClient | undefined;
    let gaveUp = false;
    try {
      client = await pool.acquire();
      return (await client.query(named(query, kind))).rows as Row[];
    } catch (error) {
      gaveUp = isAway(error);
      throw translate(error);
    } finally {
      if (client) pool.release(client, { gaveUp });
    }
  };
  return {
    rows,
    row: async <Row>(query: Sql, kind?: 'variant') => (await rows<Row>(query, kind))[0],
  };
}

function transactionsOf(pool: Pool, how: { isImpatient: boolean }): Transactions {
  return {
    async transaction(work) {
      for (let retry = 0; ; retry += 1) {
        try {
          return await attempt(pool, work, how);
        } catch (error) {
          if (!isRetryable(error) || retry >= limits.transactionRetries) throw translate(error);
        }
      }
    },
  };
}

const impatientBegin = `BEGIN; SET LOCAL lock_timeout = ${limits.lockAgainMs}`;

/** One try at a transaction. */
async function attempt<T>(
  pool: Pool,
  work: (tx: Tx) => Promise<T>,
  { isImpatient }: { isImpatient: boolean },
): Promise<T> {
  const client = await pool.acquire();
  const pending: Promise<unknown>[] = [];
  const ask = (query: pg.QueryConfig | string): Promise<pg.QueryResult> => {
    gatherWrites(client);
    const answer = client.query(query);
    pending.push(answer);
    answer.catch(() => undefined); // seen by Promise.all below
    return answer;
  };
  let broken = false;
  let gaveUp = false;
  try {
    void ask(isImpatient ? impatientBegin : 'BEGIN');
    const result = await work(openTx((query) => ask(named(query))));
    const commit = ask('COMMIT');
    await Promise.all(pending);
    // COMMIT of a failed transaction answers ROLLBACK and no error.
    if ((await commit).command !== 'COMMIT') throw new Error('The transaction was rolled back');
    return result;
  } catch (error) {
    await client.query('ROLLBACK').catch(() => (broken = true));
    const cause = await firstFailure(pending, error);
    // After hardly a wait: it says nothing of the others, and the line moves.
    const isNoSign = isRetryable(cause) || (isImpatient && isLockTimeout(cause));
    gaveUp = isAway(cause) && !isNoSign;
    throw cause;
  } finally {
    pool.release(client, { gaveUp, broken });
  }
}

/** The first of the statements that failed: what follows it fails for its sake. */
async function firstFailure(statements: Promise<unknown>[], other: unknown): Promise<unknown> {
  const ended = await Promise.allSettled(statements);
  const failed = ended.find((one) => one.status === 'rejected');
  return failed === undefined ? other : failed.reason;
}

function openTx(ask: (query: Sql) => Promise<pg.QueryResult>): Tx {
  const rows = async <Row>(query: Sql): Promise<Row[]> => (await ask(query)).rows as Row[];
  return {
    rows,
    row: async <Row>(query: Sql) => (await rows<Row>(query))[0],
    send: (query) => void ask(query),
  } as Tx;
}

/** What is asked in one turn leaves in one write: a system call for each statement is dear. */
function gatherWrites(client: pg.PoolClient): void {
  const { stream } = (client as pg.PoolClient & { connection: { stream: Duplex } }).connection;
  stream.cork();
  process.nextTick(() => stream.uncork());
}

/**
 * Waits until the server takes connections; `waiting` is called once when that is not at once.
 * @throws OperatorError when it refuses for good (wrong password, no such database) or in `ms`
 */
export async function waitForDb(
  db: Db,
  ms: number,
  waiting: (reason: string) => void,
): Promise<void> {
  const deadline = Date.now() + ms;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await db.ping();
    } catch (error) {
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
      const reason = cause instanceof Error ? cause.message || errorCode(cause) : String(cause);
      const isForGood = !(error instanceof Unavailable) || isLockedOut(cause);
      if (isForGood || Date.now() > deadline) {
        throw new OperatorError(`Cannot use the database: ${reason}. Check DATABASE_URL.`);
      }
      if (attempt === 1) waiting(reason);
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }
}
