import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Db, sql, sqlRaw, type Tx } from './db.ts';
import { errorCode } from './db-errors.ts';
import { OperatorError } from './errors.ts';
import { limits } from './limits.ts';

interface Migration {
  number: number;
  name: string;
  text: string;
  checksum: string;
}

type Applied = Pick<Migration, 'number' | 'checksum'>;

const inUse = ['55P03', '40P01']; // SQLSTATEs: the lock was not to be had, or a deadlock
const lockKey = 0x50_0c; // any number, the same on every node

/**
 * Brings the schema up to date: each file of `folder` (NNN_name.sql) once, in order, in a
 * transaction of its own. Several nodes may start at once: one migrates, the others wait.
 * @param options.onWait is told of each migration that finds its tables in use, by a backup maybe
 * @returns the names of the migrations it ran
 * @throws OperatorError when the database is newer than this program, an old file was edited, or
 *   a table stayed in use
 */
export async function migrate(
  db: Db,
  folder: string,
  options: { onWait: (name: string) => void },
): Promise<string[]> {
  const all = readMigrations(folder);
  const done: string[] = [];
  for (const migration of all) {
    // One transaction each, so that a long migration keeps what the ones before it did.
    const once = (): Promise<boolean> =>
      db.transaction(async (tx) => {
        await tx.rows(sql`SELECT pg_advisory_xact_lock(${lockKey})`);
        // Whoever needs the table queues up behind a migration that waits for it.
        await tx.rows(
          sql`SELECT set_config('lock_timeout', ${limits.migrationLockMs}::text, true)`,
        );
        return runMigration(tx, migration, all);
      });
    if (await persist(once, migration.name, options.onWait)) done.push(migration.name);
  }
  return done;
}

/** Tries again, with pauses in which others get the tables, while another session uses them. */
async function persist(
  once: () => Promise<boolean>,
  name: string,
  onWait: (name: string) => void,
): Promise<boolean> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await once();
    } catch (error) {
      const isInUse = error instanceof Error && inUse.includes(errorCode(error.cause));
      if (!isInUse) throw error;
      if (attempt === limits.migrationTries) {
        throw new OperatorError(
          `Migration ${name} needs tables that another session has in use, a backup perhaps. ` +
            'Nothing was changed; start again when it has ended.',
        );
      }
      if (attempt === 1) onWait(name);
      await sleep(limits.migrationPauseMs);
    }
  }
}

/**
 * Takes the schema for this transaction alone: nodes that start meanwhile wait for its end.
 * @returns false when somebody else has it
 */
export async function claimSchema(tx: Tx): Promise<boolean> {
  const claim = await tx.row<{ taken: boolean }>(sql`
    SELECT pg_try_advisory_xact_lock(${lockKey}) AS taken`);
  return claim?.taken === true;
}

/**
 * Brings the schema up to date in the given transaction, which has claimed it.
 * @param only runs no more than these, as a backup of an older schema asks for them first
 * @returns the names of the migrations it ran
 * @throws OperatorError when `only` or the database has one that is not known, or was edited
 */
export async function migrateIn(tx: Tx, folder: string, only?: Applied[]): Promise<string[]> {
  const all = readMigrations(folder);
  if (only) refuseForeign(only, all, 'backup');
  const done: string[] = [];
  for (const migration of all) {
    if (only && !only.some(({ number }) => number === migration.number)) continue;
    if (await runMigration(tx, migration, all)) done.push(migration.name);
  }
  return done;
}

/** @returns false when it was run before */
async function runMigration(tx: Tx, migration: Migration, all: Migration[]): Promise<boolean> {
  await tx.rows(sql`CREATE TABLE IF NOT EXISTS schema_migrations (
    number integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now())`);
  const applied = await tx.rows<Applied>(
    sql`SELECT number, checksum FROM schema_migrations ORDER BY number`,
  );
  refuseForeign(applied, all, 'database');
  if (applied.some((row) => row.number === migration.number)) return false;
  for (const statement of statementsOf(migration.text)) await tx.rows(sqlRaw(statement));
  await tx.rows(sql`INSERT INTO schema_migrations (number, name, checksum)
    VALUES (${migration.number}, ${migration.name}, ${migration.checksum})`);
  return true;
}

function refuseForeign(applied: Applied[], all: Migration[], of: 'database' | 'backup'): void {
  const who = of === 'backup' ? 'the shop of this backup' : 'this database';
  for (const row of applied) {
    const known = all.find((migration) => migration.number === row.number);
    if (known === undefined) {
      throw new OperatorError(
        `The ${of} has migration ${row.number}, which this version of Souk does not know. ` +
          (of === 'backup'
            ? 'Restore it with the newer version.'
            : 'Run the newer version, or restore the backup made before the update.'),
      );
    }
    if (known.checksum !== row.checksum) {
      throw new OperatorError(
        `Migration ${known.name} was edited after ${who} ran it. Undo the edit and put ` +
          'the change into a new migration.',
      );
    }
  }
}

function readMigrations(folder: string): Migration[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.sql'))
    .toSorted()
    .map((file) => {
      const text = readFileSync(join(folder, file), 'utf8');
      const checksum = createHash('sha256').update(text).digest('hex');
      return { number: Number.parseInt(file, 10), name: file, text, checksum };
    });
}

/** Splits at semicolons that end a line: those within a block (DO $$ … $$) must not. */
function statementsOf(text: string): string[] {
  return text
    .split(/;[ \t]*(?:--[^\n]*)?$/m)
    .filter((part) => part.replaceAll(/--[^\n]*/g, '').trim() !== '');
}
