import { createHash } from 'node:crypto';
import { pipeline } from 'node:stream';
import { createGzip } from 'node:zlib';
import { sql, sqlRaw } from '../db.ts';
import { OperatorError } from '../errors.ts';
import { limits } from '../limits.ts';
import {
  bookkeeping,
  quoted,
  quotedList,
  readApplied,
  readSequences,
  readTables,
} from './catalog.ts';
import { countLines, endOfRows, formatName, formatVersion, type Header } from './format.ts';
import type { Progress } from './progress.ts';
import type { CopyTx, Session } from './session.ts';

const snapshotTries = 5; // each is spoilt only by a migration in the very moment

export interface DumpOptions {
  /** the version of this program */
  souk: string;
  /** tables whose rows are not kept */
  leftOut: string[];
  /** what the header says about the shop, read on the same snapshot */
  about(tx: CopyTx): Promise<Record<string, string>>;
  progress: Progress;
  /** takes the bytes of the backup */
  write(bytes: AsyncIterable<Buffer>): Promise<void>;
}

/**
 * Writes a backup of every table on one snapshot, while the shop goes on serving.
 * @returns the header and the number of rows of each table
 * @throws OperatorError when there is no shop in the database
 */
export async function dump(session: Session, options: DumpOptions): Promise<Header> {
  for (let attempt = 1; ; attempt += 1) {
    const known = await session.transaction('READ COMMITTED READ ONLY', readTables);
    if (!known.some(({ name }) => name === bookkeeping)) {
      throw new OperatorError('There is no shop in this database.');
    }
    const header = await session.transaction('REPEATABLE READ READ ONLY', async (tx) => {
      // Locks come before the snapshot, which the first query takes: no migration can come between.
      const names = known.map(({ name }) => name);
      await tx.rows(sqlRaw(`LOCK TABLE ${quotedList(names)} IN ACCESS SHARE MODE`));
      const tables = await readTables(tx);
      if (JSON.stringify(tables) !== JSON.stringify(known)) return undefined;
      const made = await makeHeader(tx, options);
      await options.write(gzipped(backupText(tx, made, options.progress)));
      return made;
    });
    if (header !== undefined) return header;
    if (attempt === snapshotTries) throw new OperatorError('The tables are being changed.');
  }
}

async function makeHeader(tx: CopyTx, options: DumpOptions): Promise<Header> {
  const { souk, leftOut, about } = options;
  const server = await tx.row<{ version: string; now: Date }>(sql`
    SELECT current_setting('server_version') AS version, now() AS now`);
  const tables = await readTables(tx);
  const isKept = (name: string): boolean => name !== bookkeeping && !leftOut.includes(name);
  return {
    format: formatName,
    version: formatVersion,
    souk,
    takenAt: server?.now.toISOString() ?? '',
    server: server?.version ?? '',
    migrations: await readApplied(tx),
    about: await about(tx),
    tables: tables.filter(({ name }) => isKept(name)),
    leftOut: tables.map(({ name }) => name).filter((name) => leftOut.includes(name)),
    sequences: await readSequences(tx),
  };
}

async function* gzipped(text: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
  const gzip = createGzip({ chunkSize: limits.backupChunkBytes });
  pipeline(text, gzip, () => undefined); // what fails ends the loop
  for await (const chunk of gzip as AsyncIterable<Buffer>) yield chunk;
}

/** The text of a backup, see format.ts. */
async function* backupText(
  tx: CopyTx,
  header: Header,
  progress: Progress,
): AsyncGenerator<Buffer, void> {
  const hash = createHash('sha256');
  const hashed = (text: Buffer): Buffer => (hash.update(text), text);
  const line = (value: object): Buffer => Buffer.from(`${JSON.stringify(value)}\n`);
  const rows: Record<string, number> = {};
  yield hashed(line(header));
  for (const { name, columns } of header.tables) {
    progress.begin(name);
    yield hashed(line({ table: name }));
    let count = 0;
    const query = `SELECT ${quotedList(columns)} FROM ${quoted(name)}`;
    for await (const chunk of tx.copyOut(query) as AsyncIterable<Buffer>) {
      const lines = countLines(chunk);
      count += lines;
      progress.add(lines, chunk.length);
      yield hashed(chunk);
    }
    rows[name] = count;
    yield hashed(Buffer.from(endOfRows));
    progress.end();
  }
  yield line({ end: { rows, sha256: hash.digest('hex') } });
}
