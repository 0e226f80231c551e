import { pipeline } from 'node:stream/promises';
import { sql, sqlRaw, type Tx } from '../db.ts';
import { isServerRefusal } from '../db-errors.ts';
import { OperatorError } from '../errors.ts';
import { migrateIn } from '../migrate.ts';
import {
  bookkeeping,
  type ForeignKey,
  quoted,
  quotedList,
  readForeignKeys,
  readTables,
} from './catalog.ts';
import { BadBackup, countLines, type Header, type Table } from './format.ts';
import type { Progress } from './progress.ts';
import { type BackupContent, readBackup } from './reader.ts';
import type { CopyTx, Session } from './session.ts';
import { claimTarget } from './target.ts';

export interface LoadOptions {
  /** the bytes of the backup */
  file: AsyncIterable<Buffer>;
  /** the folder of the migrations */
  migrations: string;
  /** tables that an empty shop has rows in */
  ownTables: string[];
  /** refuses a backup by its header */
  accept(header: Header): void;
  /** the last step before the commit */
  finish(tx: Tx): Promise<void>;
  progress: Progress;
}

export interface Loaded extends BackupContent {
  /** the migrations that are newer than the backup */
  migrated: string[];
  /** tables of the backup that no migration of it makes: somebody else's */
  ignored: string[];
}

/**
 * Restores a backup into an empty database: tables as the migrations of the backup make them, its
 * rows, then the newer migrations; all in one transaction, so that it happens or does not.
 * @throws BadBackup when the backup is not whole; OperatorError when it or the target is refused
 */
export async function load(session: Session, options: LoadOptions): Promise<Loaded> {
  const { migrations, ownTables, progress } = options;
  return session.transaction('READ COMMITTED', async (tx) => {
    await claimTarget(tx, ownTables);
    let ignored: string[] = [];
    let foreignKeys: ForeignKey[] = [];
    const content = await readBackup(options.file, {
      async header(header) {
        options.accept(header);
        await migrateIn(tx, migrations, header.migrations);
        ignored = await prepareTables(tx, header);
        foreignKeys = await dropForeignKeys(tx);
      },
      async table(table, rows) {
        if (ignored.includes(table.name)) for await (const _ of rows);
        else await copyTable(tx, { table, rows, progress });
      },
    });
    for (const { name, lastValue } of content.header.sequences) {
      await tx.rows(sql`SELECT setval(to_regclass(${quoted(name)}), ${lastValue}::bigint)`);
    }
    await analyze(tx, progress);
    await addForeignKeys(tx, foreignKeys, progress);
    const migrated = await migrateIn(tx, migrations);
    if (migrated.length > 0) await analyze(tx, progress);
    await options.finish(tx);
    return { ...content, migrated, ignored };
  });
}

async function analyze(tx: Tx, progress: Progress): Promise<void> {
  progress.begin('statistics');
  const names = (await readTables(tx)).map(({ name }) => name);
  await tx.rows(sqlRaw(`ANALYZE ${quotedList(names)}`));
  progress.end();
}

/** Proving all rows of a table at once is several times faster than each as it comes. */
async function dropForeignKeys(tx: Tx): Promise<ForeignKey[]> {
  const keys = await readForeignKeys(tx);
  for (const { table, name } of keys) {
    await tx.rows(sqlRaw(`ALTER TABLE ${quoted(table)} DROP CONSTRAINT ${quoted(name)}`));
  }
  return keys;
}

async function addForeignKeys(tx: Tx, keys: ForeignKey[], progress: Progress): Promise<void> {
  progress.begin('foreign keys');
  for (const { table, name, definition } of keys) {
    const add = `ALTER TABLE ${quoted(table)} ADD CONSTRAINT ${quoted(name)} ${definition}`;
    await tx.rows(sqlRaw(add));
  }
  progress.end();
}

/**
 * Empties the tables of what migrations put there, as the backup has those rows, too.
 * @returns tables of the backup that are not here
 * @throws BadBackup when the backup does not fit its migrations
 */
async function prepareTables(tx: Tx, header: Header): Promise<string[]> {
  const made = (await readTables(tx)).filter(({ name }) => name !== bookkeeping);
  const backedUp = new Map(header.tables.map((table) => [table.name, table.columns]));
  for (const { name, columns } of made) {
    const known = backedUp.get(name);
    if (known === undefined && !header.leftOut.includes(name)) {
      throw new BadBackup(`lacks the table ${name}`);
    }
    if (known !== undefined && known.toSorted().join() !== columns.toSorted().join()) {
      throw new BadBackup(
        `has other columns in ${name} (${known.join(', ')}) than its migrations make ` +
          `(${columns.join(', ')})`,
      );
    }
    backedUp.delete(name);
  }
  await tx.rows(sqlRaw(`TRUNCATE ${quotedList(made.map(({ name }) => name))}`));
  return [...backedUp.keys()];
}

async function copyTable(
  tx: CopyTx,
  options: { table: Table; rows: AsyncIterable<Buffer>; progress: Progress },
): Promise<void> {
  const { table, rows, progress } = options;
  progress.begin(table.name);
  async function* watched(): AsyncGenerator<Buffer, void> {
    for await (const chunk of rows) {
      progress.add(countLines(chunk), chunk.length);
      yield chunk;
    }
  }
  // Made in this transaction, so nobody can see the rows before its end: no need to visit them
  // again to mark them as old.
  const into = `${quoted(table.name)} (${quotedList(table.columns)})`;
  try {
    await pipeline(watched, tx.copyIn(`COPY ${into} FROM STDIN WITH (FREEZE)`));
  } catch (error) {
    if (!isServerRefusal(error)) throw error;
    // Not its details, which hold the row.
    throw new OperatorError(`The database refused the rows of ${table.name}: ${String(error)}`);
  }
  progress.end();
}
