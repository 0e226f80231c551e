import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { type Db, type Runner, type Sql, sql, type Tx } from '../../src/kernel/db.ts';

const answerMs = 2; // a statement that takes longer may be waiting for a lock: then it is asked
const patienceMs = 20_000;

/**
 * Lets operations that run at once proceed one statement at a time, in an order that is chosen
 * beforehand. The next statement is sent when the last one is answered, or known to PostgreSQL to
 * wait for a lock, so the same choices make the same interleaving, on any machine.
 */
export class Turns {
  /** what was let go, in order: for the report of a failure */
  readonly trace: string[] = [];
  readonly #choices: number[];
  readonly #waiting: { what: string; go: () => void }[] = [];
  #inFlight = 0;
  #answers = 0;
  #answered = new AbortController();

  /** @param choices which of those that wait goes next; when there are no more, the first does */
  constructor(choices: number[]) {
    this.#choices = [...choices];
  }

  /** Resolves when it is the caller's turn. */
  next(what: string): Promise<void> {
    return new Promise((go) => this.#waiting.push({ what, go }));
  }

  /** The caller waits for the database; to be called back when it is answered. */
  enter(): () => void {
    this.#inFlight += 1;
    return () => {
      this.#inFlight -= 1;
      this.#answers += 1;
      this.#answered.abort();
      this.#answered = new AbortController();
    };
  }

  /** Lets one after the other go until `work` is done. */
  async run<T>(work: Promise<T>, db: Runner): Promise<T> {
    const ended = new AbortController();
    const deadline = Date.now() + patienceMs;
    void work.catch(() => undefined).finally(() => ended.abort());
    for (await nextTurn(); !ended.signal.aborted; await this.#settle(db)) {
      if (Date.now() > deadline) throw new Error(`Stuck after ${this.trace.join('\n')}`);
      if (this.#waiting.length === 0) {
        await this.#answer(patienceMs); // all wait for locks: PostgreSQL ends a deadlock
        continue;
      }
      const place = (this.#choices.shift() ?? 0) % this.#waiting.length;
      const [chosen] = this.#waiting.splice(place, 1);
      if (chosen) this.trace.push(chosen.what);
      chosen?.go();
    }
    return work;
  }

  /** Waits until whatever is in flight waits for a lock. */
  async #settle(db: Runner): Promise<void> {
    for (;;) {
      await nextTurn(); // what was answered goes on to its next statement
      if (this.#inFlight === 0) return;
      const before = this.#answers;
      await this.#answer(answerMs);
      if (this.#answers !== before) continue;
      const waits = await waitingForLocks(db);
      if (this.#answers === before && waits === this.#inFlight) return;
    }
  }

  async #answer(ms: number): Promise<void> {
    if (this.#inFlight === 0) return nextTurn();
    await sleep(ms, undefined, { signal: this.#answered.signal }).catch(() => undefined);
  }
}

/** By the lock table: a lock that is released counts as granted before its holder is answered. */
async function waitingForLocks(db: Runner): Promise<number> {
  const row = await db.row<{ waits: number }>(sql`
    SELECT count(DISTINCT l.pid) AS waits
    FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
    WHERE NOT l.granted AND a.datname = current_database()`);
  return row?.waits ?? 0;
}

/** The same database, in which every statement and every commit waits for its turn. */
export function takingTurns(db: Db, turns: Turns, who: string): Db {
  const single: Runner['rows'] = async (query, kind) => {
    await turns.next(`${who}: ${firstLine(query)}`);
    const leave = turns.enter();
    return db.rows<never>(query, kind).finally(leave);
  };
  return {
    ...db,
    rows: single,
    row: async <Row>(query: Sql, kind?: 'variant') => (await single<Row>(query, kind))[0],
    async transaction(work) {
      let leave = turns.enter();
      try {
        return await db.transaction(async (tx) => {
          await tx.rows(sql`SELECT 1`); // now it has begun, before whoever begins next
          leave();
          const steps = stepsOf(tx, turns, who);
          try {
            const result = await work(steps.tx);
            await steps.sent();
            await turns.next(`${who}: COMMIT`);
            return result;
          } finally {
            await steps.sent();
            leave = turns.enter();
          }
        });
      } finally {
        leave();
      }
    },
  };
}

/** Statements that are sent without waiting take their turns too, in the order they were sent. */
function stepsOf(tx: Tx, turns: Turns, who: string): { tx: Tx; sent(): Promise<void> } {
  let before: Promise<void> = Promise.resolve();
  const rows = async <Row>(query: Sql): Promise<Row[]> => {
    const mine = before.then(async () => {
      await turns.next(`${who}: ${firstLine(query)}`);
      return tx.rows<Row>(query).finally(turns.enter());
    });
    before = mine.then(
      () => undefined,
      () => undefined, // known to the transaction, which fails for it
    );
    return mine;
  };
  const stepped = {
    rows,
    row: async <Row>(query: Sql) => (await rows<Row>(query))[0],
    send: (query: Sql) => void rows(query).catch(() => undefined),
  } as Tx;
  return { tx: stepped, sent: () => before };
}

const firstLine = ({ text }: Sql): string => text.trim().replaceAll(/\s+/g, ' ').slice(0, 70);
