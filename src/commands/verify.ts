import { parseArgs } from 'node:util';
import { type Db, type Sql, sql } from '../kernel/db.ts';
import { type Command, say, withShop } from './command.ts';
import { invariants } from './invariants.ts';

export const verify: Command = {
  summary: 'prove that stock, orders and notifications add up',
  usage: `Usage: souk verify

Checks the invariants of the shop on one snapshot of the database while it goes on serving:
${invariants.map(({ name, says }) => `  ${name}  ${says}`).join('\n')}
Exit code 0: all hold. 1: something does not, with the rows that show it.`,
  async run(args, stop) {
    parseArgs({ args, options: {} });
    return withShop(async ({ db }) => ((await prove(db, stop)) ? 0 : 1));
  },
};

/** Says of each invariant whether it holds. @returns whether all do */
export async function prove(db: Db, stop: AbortSignal): Promise<boolean> {
  let violations = 0;
  await db.transaction(async (tx) => {
    await tx.rows(sql`SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY`);
    for (const { name, says, query } of invariants) {
      if (stop.aborted) break;
      const began = Date.now();
      const rows = await tx.rows<object>(limited(query));
      violations += rows.length;
      const took = ((Date.now() - began) / 1000).toFixed(1);
      say(`${rows.length === 0 ? 'ok  ' : 'FAIL'}  ${name}  ${says}  (${took} s)`);
      for (const row of rows) say(`        ${JSON.stringify(row)}`);
    }
  });
  if (stop.aborted) say('Stopped before the end.');
  else say(violations === 0 ? 'All invariants hold.' : 'Some invariants do NOT hold.');
  return violations === 0 && !stop.aborted;
}

/** Planned for all rows: for the first ten PostgreSQL would go product by product, for hours. */
const limited = (query: Sql): Sql =>
  sql`WITH violations AS MATERIALIZED (${query}) SELECT * FROM violations LIMIT 10`;
