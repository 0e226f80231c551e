import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { addAbortSignal } from 'node:stream';
import { parseArgs } from 'node:util';
import { type Config, loadConfig } from '../config.ts';
import { openServer } from '../context.ts';
import { explain } from '../kernel/backup/file.ts';
import { BadBackup, type Header } from '../kernel/backup/format.ts';
import { load, type Loaded } from '../kernel/backup/load.ts';
import { openProgress, type Progress } from '../kernel/backup/progress.ts';
import { type BackupContent, checkBackup } from '../kernel/backup/reader.ts';
import { openSession } from '../kernel/backup/session.ts';
import { type Connection, openDb, sql } from '../kernel/db.ts';
import { OperatorError } from '../kernel/errors.ts';
import { newId } from '../kernel/ids.ts';
import { limits } from '../kernel/limits.ts';
import { projectRoot } from '../kernel/root.ts';
import { type Command, say, tell } from './command.ts';
import { prove } from './verify.ts';

/** Migrations and the first start fill these, whether or not the shop is ever used. */
const ownTables = ['shop', 'catalog_state'];

export const restore: Command = {
  summary: 'make a shop from a backup',
  usage: `Usage: souk restore <file> [--check] [--quiet]

Makes the shop of a backup in the database of DATABASE_URL, or in a new folder DATA_DIR. It must be
empty, and no shop may run on it. The file is checked first; then everything is restored at one
go or, when something fails or is interrupted, not at all. A backup of an older version is brought
up to date. At the end the invariants of "souk verify" are proved: exit code 1 when one does not
hold, or when that is interrupted; the shop is restored all the same. "-" reads from standard input.
Everybody logs in again, with the old password: a backup does not hold who is logged in.

  --check   reads the file to the end, says what is in it, and restores nothing
  --quiet   no progress`,
  async run(args, stop) {
    const { values, positionals } = parseArgs({
      args,
      options: { check: { type: 'boolean' }, quiet: { type: 'boolean' } },
      allowPositionals: true,
    });
    const [file, ...more] = positionals;
    if (file === undefined || more.length > 0) throw new OperatorError(this.usage);
    const progress = openProgress((line) => void (values.quiet || tell(line)));
    try {
      if (file !== '-' || values.check) describe(await check(file, progress, stop));
      if (values.check) return 0;
      return await restoreFrom(file, progress, stop);
    } catch (error) {
      if (stop.aborted) return (tell('Stopped; nothing was restored.'), 1);
      if (error instanceof BadBackup) throw new OperatorError(`${nameOf(file)} ${error.message}.`);
      throw explain(error, file);
    } finally {
      progress.close();
    }
  },
};

const nameOf = (file: string): string => (file === '-' ? 'The standard input' : file);

/** The bytes of the file, until `stop`. */
async function* open(file: string, stop: AbortSignal): AsyncGenerator<Buffer, void> {
  const options = { highWaterMark: limits.backupChunkBytes, signal: stop };
  yield* file === '-' ? addAbortSignal(stop, process.stdin) : createReadStream(file, options);
}

async function check(file: string, progress: Progress, stop: AbortSignal): Promise<BackupContent> {
  progress.begin('reading the file');
  const content = await checkBackup(open(file, stop), progress.add);
  progress.end();
  return content;
}

function describe({ header, rows }: BackupContent): void {
  const count = Object.values(rows).reduce((sum, more) => sum + more, 0);
  say(
    `The backup of ${header.takenAt} is whole: ${count.toLocaleString('en')} rows of ` +
      `${header.tables.length} tables, by Souk ${header.souk} on PostgreSQL ${header.server}.`,
  );
}

async function restoreFrom(file: string, progress: Progress, stop: AbortSignal): Promise<number> {
  const config = loadConfig();
  const server = await openServer(config, () => undefined);
  try {
    const loaded = await loadInto(server.connection, { config, file, progress, stop });
    for (const name of loaded.ignored) say(`Left out: ${name}, which is not a table of Souk.`);
    if (loaded.migrated.length > 0) say(`Migrated: ${loaded.migrated.join(', ')}`);
    say('The shop is restored. Everybody logs in again.');
    return (await proveRestored(server.connection, stop)) ? 0 : 1;
  } finally {
    await server.stop();
  }
}

/** @returns whether all invariants hold; false when stopped before that is known */
async function proveRestored(connection: Connection, stop: AbortSignal): Promise<boolean> {
  const db = openDb(connection, { onLost: () => undefined, patient: true });
  try {
    return await prove(db, stop);
  } catch (error) {
    if (!stop.aborted) throw error;
    return false; // when a machine goes down the database may go first
  } finally {
    await db.close();
    const unproved = 'its invariants were not all proved: run "souk verify".';
    if (stop.aborted) tell(`Stopped; the shop is restored, but ${unproved}`);
  }
}

async function loadInto(
  connection: Connection,
  options: { config: Config; file: string; progress: Progress; stop: AbortSignal },
): Promise<Loaded> {
  const { config, file, progress, stop } = options;
  const session = await openSession(connection, stop);
  try {
    return await load(session, {
      file: open(file, stop),
      migrations: join(projectRoot(), 'migrations'),
      ownTables,
      accept: (header) => refuseCurrency(header, config),
      // What nodes share in Redis is kept under this id: the copy is another shop.
      finish: async (tx) => void (await tx.rows(sql`UPDATE shop SET shop_id = ${newId()}`)),
      progress,
    });
  } finally {
    await session.close();
  }
}

function refuseCurrency({ about }: Header, { currency }: Config): void {
  if (about['currency'] === currency.code) return;
  throw new OperatorError(
    `The backup keeps its money in ${about['currency']}, but CURRENCY is ${currency.code}. Set ` +
      `CURRENCY=${about['currency']}.`,
  );
}
