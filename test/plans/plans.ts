import pg from 'pg';
import type { Sent, Value } from './statements.ts';

/** A node of EXPLAIN (FORMAT JSON): the fields that we look at. */
interface PlanNode {
  'Node Type': string;
  'Relation Name'?: string;
  'Index Name'?: string;
  'Index Cond'?: string;
  'Actual Rows'?: number;
  'Actual Loops'?: number;
  'Rows Removed by Filter'?: number;
  Plans?: PlanNode[];
}

/** Once for all values, or for the values of one time: PostgreSQL does the one or the other. */
export const planModes = ['force_generic_plan', 'force_custom_plan'] as const;
export type PlanMode = (typeof planModes)[number];

// As the embedded server is set, whichever it is: see src/kernel/embedded/settings.ts.
const settings = ['random_page_cost = 1.1', "effective_cache_size = '512MB'", 'jit = off'];

export async function prepareToPlan(client: pg.Client): Promise<void> {
  for (const setting of settings) await client.query(`SET ${setting}`);
}

/** The tables and indexes that a statement reads from end to end. */
export async function readWhole(
  client: pg.Client,
  { mode, ...sent }: Sent & { mode: PlanMode },
): Promise<string[]> {
  await client.query(`SET plan_cache_mode = ${mode}`);
  return wholesIn(await explain(client, sent, 'FORMAT JSON'));
}

/** How many rows a statement reads from tables and indexes when it runs. */
export async function rowsRead(
  client: pg.Client,
  { mode, ...sent }: Sent & { mode: PlanMode },
): Promise<number> {
  await client.query(`SET plan_cache_mode = ${mode}`);
  return rowsIn(await explain(client, sent, 'ANALYZE, FORMAT JSON'));
}

function rowsIn(node: PlanNode): number {
  const { 'Actual Rows': rows = 0, 'Rows Removed by Filter': removed = 0 } = node;
  const own = node['Relation Name'] ? (rows + removed) * (node['Actual Loops'] ?? 1) : 0;
  return (node.Plans ?? []).reduce((sum, plan) => sum + rowsIn(plan), own);
}

async function explain(
  client: pg.Client,
  { text, values }: Sent,
  options: string,
): Promise<PlanNode> {
  await client.query(`PREPARE hot AS ${text}`);
  try {
    const args = values.length > 0 ? `(${values.map(literal).join(', ')})` : '';
    const { rows } = await client.query(`EXPLAIN (${options}) EXECUTE hot${args}`);
    return rows[0]['QUERY PLAN'][0].Plan as PlanNode;
  } finally {
    await client.query('DEALLOCATE hot');
  }
}

/** EXECUTE takes no parameters of its own: values are written out, as node-postgres sends them. */
function literal(value: Value | Value[]): string {
  if (value === null) return 'NULL';
  if (!Array.isArray(value)) return pg.escapeLiteral(textOf(value));
  const elements = value.map((one) =>
    one === null ? 'NULL' : `"${textOf(one).replaceAll(/["\\]/g, String.raw`\$&`)}"`,
  );
  return pg.escapeLiteral(`{${elements.join(',')}}`);
}

function textOf(value: NonNullable<Value>): string {
  if (Buffer.isBuffer(value)) return `\\x${value.toString('hex')}`;
  return value instanceof Date ? value.toISOString() : String(value);
}

// Nodes that pass rows on as they come.
const pipes = new Set(['Nested Loop', 'LockRows', 'Subquery Scan', 'Incremental Sort', 'Result']);

/** A scan of an index is not of the whole when a LIMIT ends it. */
function wholesIn(node: PlanNode, isEnded = false): string[] {
  const { 'Node Type': type, 'Relation Name': table, 'Index Name': index } = node;
  const isOpen = index !== undefined && node['Index Cond'] === undefined && !isEnded;
  const own = type === 'Seq Scan' || isOpen ? [index ?? table ?? '?'] : [];
  const ends = type === 'Limit' || (isEnded && pipes.has(type));
  return [...own, ...(node.Plans ?? []).flatMap((plan) => wholesIn(plan, ends))];
}
