import { type Runner, sql } from '../db.ts';
import type { AppliedMigration, Table } from './format.ts';

/** The tables that migrations made, not those of this database's own bookkeeping. */
export const bookkeeping = 'schema_migrations';

/** Every table of the schema that migrations work in. */
export async function readTables(tx: Runner): Promise<Table[]> {
  return tx.rows<Table>(sql`
    SELECT c.relname::text AS name,
      ARRAY(
        SELECT a.attname::text FROM pg_attribute a
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
        ORDER BY a.attnum) AS columns
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p') AND NOT c.relispartition
      AND NOT EXISTS ( -- what belongs to an extension comes with it
        SELECT FROM pg_depend d
        WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
    ORDER BY c.relname`);
}

/** What SQL takes to drop a foreign key, and to make it again. */
export interface ForeignKey {
  table: string;
  name: string;
  definition: string;
}

export async function readForeignKeys(tx: Runner): Promise<ForeignKey[]> {
  return tx.rows<ForeignKey>(sql`
    SELECT c.relname::text AS table, k.conname::text AS name,
      pg_get_constraintdef(k.oid) AS definition
    FROM pg_constraint k
    JOIN pg_class c ON c.oid = k.conrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = current_schema() AND k.contype = 'f' AND k.conparentid = 0
    ORDER BY 1, 2`);
}

export async function readApplied(tx: Runner): Promise<AppliedMigration[]> {
  return tx.rows<AppliedMigration>(sql`
    SELECT number, name, checksum FROM schema_migrations ORDER BY number`);
}

/** The sequences that were used, identity columns among them. */
export async function readSequences(tx: Runner): Promise<{ name: string; lastValue: string }[]> {
  return tx.rows(sql`
    SELECT sequencename::text AS name, last_value::text AS "lastValue" FROM pg_sequences
    WHERE schemaname = current_schema() AND last_value IS NOT NULL ORDER BY 1`);
}

/** A name as SQL takes it, whatever is in it. */
export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

export const quotedList = (names: string[]): string => names.map(quoted).join(', ');
