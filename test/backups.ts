import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createReadStream, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { load, type Loaded } from '../src/kernel/backup/load.ts';
import { openProgress } from '../src/kernel/backup/progress.ts';
import { openSession } from '../src/kernel/backup/session.ts';
import { projectRoot } from '../src/kernel/root.ts';
import type { Json } from './harness.ts';
import { newFolder, query } from './program-data.ts';
import { run } from './program.ts';

// What the tests of backups share: making them, and comparing shops row by row.

/** A new place for a backup. */
export const newFile = (): string => join(newFolder(), 'shop.souk');

/** A backup of a shop. */
export async function backedUp(settings: Record<string, string>): Promise<string> {
  const file = newFile();
  const { code, stderr } = await run(['backup', file, '--quiet'], settings);
  assert.deepEqual([code, stderr], [0, '']);
  return file;
}

const tablesQuery = `
  SELECT table_name AS name FROM information_schema.tables
  WHERE table_schema = 'public' AND table_type = 'BASE TABLE' ORDER BY 1`;

/** The names of all tables. */
export const tablesOf = async (url: string): Promise<string[]> =>
  (await query(url, tablesQuery)).map(({ name }: Json) => name);

/** Every row of every table, as text. */
export async function contentOf(url: string): Promise<Record<string, string[]>> {
  const content: Record<string, string[]> = {};
  for (const name of await tablesOf(url)) {
    const rows = await query(url, `SELECT t::text AS row FROM "${name}" t ORDER BY 1`);
    content[name] = rows.map(({ row }: Json) => row);
  }
  return content;
}

/** Of a database's content what a backup keeps: all but what is of this database alone. */
export function kept(content: Record<string, string[]>): Record<string, string[]> {
  const { sessions, socket_tickets, schema_migrations, shop, ...rest } = content;
  assert.ok(sessions && socket_tickets && schema_migrations?.length, 'a shop was there');
  assert.equal(shop?.length, 1);
  return rest;
}

/** Restores in this process. @param migrations the folder of them, as another version has it */
export async function loaded(
  url: string,
  file: string,
  migrations: string = join(projectRoot(), 'migrations'),
): Promise<Loaded> {
  const session = await openSession({ connectionString: url }, new AbortController().signal);
  const progress = openProgress(() => undefined);
  try {
    return await load(session, {
      file: createReadStream(file),
      migrations,
      ownTables: ['shop', 'catalog_state'],
      accept: () => undefined,
      finish: async () => undefined,
      progress,
    });
  } finally {
    progress.close();
    await session.close();
  }
}

/** A backup whose text was changed by somebody who knows how to sign it. */
export function forged(file: string, change: (text: string) => string): string {
  const changed = change(gunzipSync(readFileSync(file)).toString());
  const body = changed.slice(0, changed.lastIndexOf('{"end":'));
  const { end } = JSON.parse(changed.slice(body.length));
  const sha256 = createHash('sha256').update(body).digest('hex');
  const copy = newFile();
  writeFileSync(copy, gzipSync(`${body}${JSON.stringify({ end: { ...end, sha256 } })}\n`));
  return copy;
}

/** Texts that formats stumble over. */
const awkward = [
  'tab\tline\nreturn\rback\\slash\\n\\N\\.',
  '\\.',
  '\\N',
  'NULL',
  '"quoted", \'too\'; {"json": [1]}',
  'İstanbul 東京 🍏 e\u0301 \u202eright to left',
  ' \u0001\u007f\b\f\v ',
];

/** Puts awkward rows into a shop, none of which breaks an invariant. */
export async function fillAwkwardly(url: string): Promise<void> {
  const [user] = await query(
    url,
    `INSERT INTO users (email, password_hash, role, user_type, name, created_at)
     VALUES ('odd@example.com', $1, 'seller', '', '', '2026-01-02 03:04:05.678901+05:30')
     RETURNING id`,
    [awkward[0]],
  );
  await query(url, `INSERT INTO streams (user_id) VALUES ($1)`, [user.id]);
  for (const [index, text] of awkward.entries()) {
    const id = `0193a5b2-7c1e-7a44-9d3e-00000000000${index}`;
    await query(
      url,
      `INSERT INTO categories (id, seller_id, name, description, created_at, archived_at)
       VALUES ($1, $2, $3, $3, $4, $5)`,
      [id, user.id, text, index % 2 ? 'infinity' : '0044-03-15 12:00:00.000001 BC', null],
    );
    await query(
      url,
      `INSERT INTO products (id, seller_id, category_id, name, description, price_minor)
       VALUES ($1, $2, $1, $3, '', 9999999999999)`,
      [id, user.id, text],
    );
    await query(
      url,
      `INSERT INTO idempotency_keys (user_id, key, request_hash, outcome)
       VALUES ($1, $2, $3, $4)`,
      [user.id, text, Buffer.from(allBytes), JSON.stringify({ text })],
    );
  }
  await query(
    url,
    `INSERT INTO category_counts (category_id, listed_products)
     SELECT id, 1 FROM categories WHERE seller_id = $1`,
    [user.id],
  );
  await query(url, 'UPDATE catalog_state SET listed_products = listed_products + $1', [
    awkward.length,
  ]);
}

const allBytes = Array.from({ length: 256 }, (_, byte) => byte);
