import { sql, sqlRaw } from '../../src/kernel/db.ts';
import type { TestNode } from '../harness.ts';

/** A fingerprint for each user's part of each table: `orders of 17`; `catalog_state` has none. */
export type Snapshot = Map<string, string>;

interface Column {
  table: string;
  column: string;
}

/** Columns that say whose a row is, the most telling first. */
const ownerColumns = ['buyer_id', 'seller_id', 'user_id'];

async function tablesOf({ context }: TestNode): Promise<Map<string, string | undefined>> {
  const rows = await context.db.rows<Column>(sql`
    SELECT table_name::text AS table, column_name::text AS column
    FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2`);
  const tables = new Map<string, string[]>();
  for (const { table, column } of rows) tables.set(table, [...(tables.get(table) ?? []), column]);
  return new Map(
    [...tables].map(([table, columns]) => [
      table,
      table === 'users' ? 'id' : ownerColumns.find((name) => columns.includes(name)),
    ]),
  );
}

/** Everything that the database holds, whatever tables there are: to compare, not to read. */
export async function takeSnapshot(node: TestNode): Promise<Snapshot> {
  const parts = [...(await tablesOf(node))].map(
    ([table, owner]) => `
      SELECT '${table}' ${owner ? `|| ' of ' || ${owner}` : ''} AS part,
        md5(string_agg(t::text, ' ' ORDER BY t::text)) AS hash
      FROM ${table} t ${owner ? `GROUP BY ${owner}` : ''}`,
  );
  const rows = await node.context.db.rows<{ part: string; hash: string | null }>(sql`
    ${sqlRaw(parts.join(' UNION ALL '))}`);
  return new Map(rows.map(({ part, hash }) => [part, hash ?? 'empty']));
}

/** The parts that differ. */
export function changedParts(before: Snapshot, after: Snapshot): string[] {
  const parts = new Set([...before.keys(), ...after.keys()]);
  return [...parts].filter((part) => before.get(part) !== after.get(part)).toSorted();
}

type Rows = Map<string, string[]>;

/** Every row of every table, as text. The counters of the catalog are left out. */
export async function allRows({ context: { db } }: TestNode): Promise<Rows> {
  const tables = await db.rows<{ name: string }>(sql`
    SELECT table_name::text AS name FROM information_schema.tables
    WHERE table_schema = 'public' AND table_name <> 'catalog_state' ORDER BY 1`);
  const found: Rows = new Map();
  for (const { name } of tables) {
    const rows = await db.rows<{ row: string }>(sql`
      SELECT to_jsonb(t)::text AS row FROM ${sqlRaw(name)} t ORDER BY 1`);
    const texts = rows.map(({ row }) => row);
    found.set(name, texts);
  }
  return found;
}

/** The rows that came to be or are written otherwise now, made plain. */
export const newRows = (before: Rows, after: Rows): string[] =>
  [...after].flatMap(([table, rows]) => {
    const known = new Set(before.get(table));
    return rows.filter((row) => !known.has(row)).map((row) => `${table} ${plain(row)}`);
  });

/** Without what differs between two calls of one kind: ids, times, counters, salts, tokens. */
export function plain(text: string): string {
  return text
    .replace(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'ID')
    .replace(/\d{4}-\d\d-\d\dT[\d:.+]+Z?/g, 'TIME')
    .replace(/\$argon2[^"]*/g, 'HASH')
    .replace(/[0-9a-f]{16}@example\.com/g, 'EMAIL')
    .replace(/eyJ[\w.-]+/g, 'TOKEN')
    .replace(/"(?:last_offset|stream_offset|revision|orders_placed)": \d+/g, 'COUNTER');
}
