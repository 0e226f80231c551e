import assert from 'node:assert/strict';
import { cpSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before as prepare, test } from 'node:test';
import type { Loaded } from '../../src/kernel/backup/load.ts';
import { projectRoot } from '../../src/kernel/root.ts';
import { backedUp, contentOf, fillAwkwardly, loaded } from '../backups.ts';
import { newDatabase, newFolder, query } from '../program-data.ts';
import { cleanUp, run } from '../program.ts';

after(cleanUp);

const folder = join(projectRoot(), 'migrations');
const next = `${String(readdirSync(folder).length + 1).padStart(3, '0')}_next.sql`;

/** Restores as a later version of Souk would, which has one more migration. */
async function restoreLater(url: string, file: string, migration: string): Promise<Loaded> {
  const migrations = newFolder();
  cpSync(folder, migrations, { recursive: true });
  writeFileSync(join(migrations, next), migration);
  return loaded(url, file, migrations);
}

let before: Record<string, string[]>;
let file: string;
prepare(async () => {
  const source = await newDatabase();
  assert.equal((await run(['migrate'], source)).code, 0);
  await fillAwkwardly(source.DATABASE_URL);
  file = await backedUp(source);
  before = await contentOf(source.DATABASE_URL);
});

test('a backup of an older version is restored as it was, then brought up to date', async () => {
  const target = (await newDatabase()).DATABASE_URL;
  // It changes rows that are there, as only a migration after the rows can.
  const migration = `
    ALTER TABLE users ADD COLUMN greeting text;
    UPDATE users SET greeting = 'Dear ' || email;
    ALTER TABLE users ALTER COLUMN greeting SET NOT NULL;
    ALTER TABLE users DROP COLUMN phone_number;`;
  const { migrated } = await restoreLater(target, file, migration);
  assert.deepEqual(migrated, [next]);
  const greetings = await query(target, 'SELECT DISTINCT greeting FROM users');
  assert.deepEqual(greetings, [{ greeting: 'Dear odd@example.com' }]);
  const now = await contentOf(target);
  for (const table of ['categories', 'products', 'idempotency_keys', 'streams']) {
    assert.deepEqual(now[table], before[table]);
  }
  const applied = await query(target, 'SELECT name FROM schema_migrations ORDER BY number');
  assert.deepEqual(applied.at(-1), { name: next });
});

test('when a newer migration fails on the restored rows nothing is restored', async () => {
  const target = (await newDatabase()).DATABASE_URL;
  const migration = 'ALTER TABLE users ADD CONSTRAINT even CHECK (id % 2 = 0);';
  await assert.rejects(restoreLater(target, file, migration), /constraint "even"/);
  assert.deepEqual(await contentOf(target), {});
});
