import type { Duplex } from 'node:stream';
import pg from 'pg';
import { limits } from '../src/kernel/limits.ts';
import type { DatabaseServer } from './bench.ts';
import type { Run } from './turns.ts';

/** What a child is sent that runs statements without a shop. */
export interface BareJob {
  server: DatabaseServer;
  database: string;
  /** as many rounds at once as the shop has connections */
  loops: number;
  seconds: number;
}

/** Sends a named statement. */
export type Send = (text: string, values: unknown[]) => Promise<Record<string, unknown>[]>;

export interface BareDb {
  /** on whichever connection is free */
  send: Send;
  /** What `work` sends without waiting shares round trips, also with BEGIN and COMMIT. */
  transaction(work: (send: Send) => Promise<void>): Promise<void>;
}

let opened: BareDb | undefined;

/**
 * Repeats rounds for some seconds and counts those that ended.
 * @param openRound makes the round of each loop, from 0
 */
export async function runLoops(
  { server, database, loops, seconds }: BareJob,
  openRound: (db: BareDb, loop: number) => () => Promise<void>,
): Promise<Run> {
  opened ??= openBareDb({ ...server, port: 5432, database });
  const db = opened;
  const began = performance.now();
  const cpu = process.cpuUsage();
  let rounds = 0;
  const loop = async (_: unknown, index: number): Promise<void> => {
    const round = openRound(db, index);
    while (performance.now() - began < seconds * 1000) {
      await round();
      rounds += 1;
    }
  };
  await Promise.all(Array.from({ length: loops }, loop));
  const perSecond = (rounds / (performance.now() - began)) * 1000;
  const { user, system } = process.cpuUsage(cpu);
  return { perSecond, cpuMicroseconds: (user + system) / rounds };
}

function openBareDb(server: pg.PoolConfig): BareDb {
  // As src/kernel/db.ts sets its pool.
  pg.types.setTypeParser(pg.types.builtins.INT8, Number);
  const pool = new pg.Pool({
    ...server,
    max: limits.databaseConnections,
    statement_timeout: limits.statementTimeoutMs,
    lock_timeout: limits.lockTimeoutMs,
    idle_in_transaction_session_timeout: limits.idleTransactionTimeoutMs,
    query_timeout: limits.queryTimeoutMs,
    keepAlive: true,
    pipeline: true,
    idleTimeoutMillis: limits.idleConnectionMs,
  });
  const names = new Map<string, string>();
  const named = (text: string, values: unknown[]) => {
    const name = names.get(text) ?? `s${names.size}`;
    names.set(text, name);
    return { name, text, values };
  };
  return {
    send: async (text, values) => (await pool.query(named(text, values))).rows,
    async transaction(work) {
      const client = await pool.connect();
      gatherWrites(client);
      const sent: Promise<unknown>[] = [client.query('BEGIN')];
      await work((text, values) => {
        gatherWrites(client);
        const rows = client.query(named(text, values)).then((result) => result.rows);
        sent.push(rows);
        return rows;
      });
      gatherWrites(client);
      sent.push(client.query('COMMIT'));
      await Promise.all(sent);
      client.release();
    },
  };
}

/** As src/kernel/db.ts does: what is asked in one turn leaves in one write. */
function gatherWrites(client: pg.PoolClient): void {
  const { stream } = (client as pg.PoolClient & { connection: { stream: Duplex } }).connection;
  stream.cork();
  process.nextTick(() => stream.uncork());
}
