import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Db, sql, sqlRaw } from './db.ts';
import { OperatorError } from './errors.ts';

interface Migration {
  number: number;
  name: string;
  text: string;
  checksum: string;
}

const lockKey = 0x50_0c; // any number, the same on every node

/**
 * Brings the schema up to date: each file of `folder` (NNN_name.sql) once, in order, in a
 * transaction of its own. Several nodes may start at once: one migrates, the others wait.
 * @returns the names of the migrations it ran
 * @throws OperatorError when the database is newer than this program or an old file was edited
 */
export async function migrate(db: Db, folder: string): Promise<string[]> {
  const all = readMigrations(folder);
  const done: string[] = [];
  for (const migration of all) {
    // One transaction each, so that a long migration keeps what the ones before it did.
    const ran = await db.transaction(async (tx) => {
      await tx.rows(sql`SELECT pg_advisory_xact_lock(${lockKey})`);
      await tx.rows(sql`CREATE TABLE IF NOT EXISTS schema_migrations (
        number integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL,
        applied_at timestamptz NOT NULL DEFAULT now())`);
      const applied = await tx.rows<{ number: number; checksum: string }>(
        sql`SELECT number, checksum FROM schema_migrations ORDER BY number`,
      );
      refuseForeign(applied, all);
      if (applied.some((row) => row.number === migration.number)) return false;
      for (const statement of statementsOf(migration.text)) await tx.rows(sqlRaw(statement));
      await tx.rows(sql`INSERT INTO schema_migrations (number, name, checksum)
        VALUES (${migration.number}, ${migration.name}, ${migration.checksum})`);
      return true;
    });
    if (ran) done.push(migration.name);
  }
  return done;
}

function refuseForeign(applied: { number: number; checksum: string }[], all: Migration[]): void {
  for (const row of applied) {
    const known = all.find((migration) => migration.number === row.number);
    if (known === undefined) {
      throw new OperatorError(
        `The database has migration ${row.number}, which this version of Souk does not know. ` +
          'Run the newer version, or restore the backup made before the update.',
      );
    }
    if (known.checksum !== row.checksum) {
      throw new OperatorError(
        `Migration ${known.name} was edited after this database ran it. Undo the edit and put ` +
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

/** Splits at semicolons that end a line; migrations have no function bodies. */
function statementsOf(text: string): string[] {
  return text
    .split(/;[ \t]*(?:--[^\n]*)?$/m)
    .filter((part) => part.replaceAll(/--[^\n]*/g, '').trim() !== '');
}
