import { type Runner, sql, sqlRaw, type Tx } from '../db.ts';
import { OperatorError } from '../errors.ts';
import { claimSchema } from '../migrate.ts';
import { bookkeeping, quoted, quotedList, readTables } from './catalog.ts';

const unchanged = 'Nothing was changed.';

/**
 * Makes sure that a shop can be restored into this database, and clears it of empty tables. Until
 * the transaction ends no node can open it.
 * @param ownTables tables that an empty shop has rows in
 * @throws OperatorError when it is in use, not empty, or somebody else's
 */
export async function claimTarget(tx: Tx, ownTables: string[]): Promise<void> {
  if (!(await claimSchema(tx))) {
    throw new OperatorError(
      `Another command is making the tables of this database. ${unchanged} Try again later.`,
    );
  }
  const users = await tx.rows(sql`
    SELECT FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'souk' AND pid <> pg_backend_pid()`);
  if (users.length > 0) {
    throw new OperatorError(`A shop is running on this database. Stop it first. ${unchanged}`);
  }
  const names = (await readTables(tx)).map(({ name }) => name);
  if (names.length === 0) return;
  if (!names.includes(bookkeeping)) {
    throw new OperatorError(
      `This database has tables that are not of Souk, such as ${names[0]}. A shop is restored ` +
        `into a database of its own. ${unchanged}`,
    );
  }
  await tx.rows(sqlRaw(`LOCK TABLE ${quotedList(names)} IN ACCESS EXCLUSIVE MODE`));
  const filled = await findFilled(tx, names);
  const inUse = filled.filter((name) => name !== bookkeeping && !ownTables.includes(name));
  if (inUse.length > 0) {
    throw new OperatorError(
      `This database is not empty: there are rows in ${inUse.join(', ')}. Restore into a new ` +
        `one: set DATA_DIR to another folder, or DATABASE_URL to another database. ${unchanged}`,
    );
  }
  await tx.rows(sqlRaw(`DROP TABLE ${quotedList(names)}`));
}

async function findFilled(tx: Runner, names: string[]): Promise<string[]> {
  const filled: string[] = [];
  for (const name of names) {
    const row = await tx.row(sqlRaw(`SELECT 1 FROM ${quoted(name)} LIMIT 1`));
    if (row !== undefined) filled.push(name);
  }
  return filled;
}
