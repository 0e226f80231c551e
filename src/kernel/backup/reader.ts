import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { errorCode } from '../db-errors.ts';
import { limits } from '../limits.ts';
import {
  BadBackup,
  countLines,
  cutOff,
  type End,
  type Header,
  notABackup,
  parseHeader,
  parseMark,
  type Table,
} from './format.ts';
import { TextReader } from './text-reader.ts';

/** What is done with a backup as it is read. */
export interface BackupSink {
  header(header: Header): Promise<void>;
  /** must read `rows` to the end; each chunk is whole rows */
  table(table: Table, rows: AsyncIterable<Buffer>): Promise<void>;
}

export interface BackupContent {
  header: Header;
  rows: Record<string, number>;
}

/**
 * Reads a backup from the bytes of its file in bounded memory, and proves it whole: every table
 * in its place with all its rows, and the SHA-256 over all of it. The sink has the rows before the
 * proof is complete: what it does must be undone when this throws.
 * @throws BadBackup when it is no backup, cut off or damaged
 */
export async function readBackup(
  file: AsyncIterable<Buffer>,
  sink: BackupSink,
): Promise<BackupContent> {
  const text = new TextReader(gunzipped(file));
  const header = parseHeader(await text.line());
  await sink.header(header);
  const rows: Record<string, number> = {};
  for (const table of header.tables) {
    const mark = parseMark(await text.line());
    if (!('table' in mark) || mark.table !== table.name) {
      throw new BadBackup(`is damaged: the table ${table.name} is not where it should be`);
    }
    let count = 0;
    await sink.table(
      table,
      counted(text.rows(), (lines) => (count += lines)),
    );
    rows[table.name] = count;
  }
  const sha256 = text.sha256();
  const mark = parseMark(await text.line());
  if (!('end' in mark) || !isSame(mark.end, { rows, sha256 })) {
    throw new BadBackup('is damaged: its content is not what was written');
  }
  await text.end();
  return { header, rows };
}

/** Reads and proves a backup, and keeps nothing. */
export async function checkBackup(
  file: AsyncIterable<Buffer>,
  read: (rows: number, bytes: number) => void,
): Promise<BackupContent> {
  return readBackup(file, {
    header: async () => undefined,
    async table(_table, rows) {
      for await (const chunk of rows) read(countLines(chunk), chunk.length);
    },
  });
}

const isSame = (one: End, other: End): boolean =>
  one.sha256 === other.sha256 &&
  Object.keys(one.rows).length === Object.keys(other.rows).length &&
  Object.entries(other.rows).every(([name, count]) => one.rows[name] === count);

async function* counted(
  rows: AsyncIterable<Buffer>,
  add: (lines: number) => void,
): AsyncGenerator<Buffer, void> {
  for await (const chunk of rows) {
    add(countLines(chunk));
    yield chunk;
  }
}

/** @throws BadBackup for what gzip finds wrong */
async function* gunzipped(file: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
  const gunzip = createGunzip({ chunkSize: limits.backupChunkBytes });
  pipeline(file, gunzip, () => undefined); // what fails ends the loop
  try {
    for await (const chunk of gunzip as AsyncIterable<Buffer>) yield chunk;
  } catch (error) {
    const code = errorCode(error);
    if (code === 'Z_BUF_ERROR') throw cutOff();
    if (!code.startsWith('Z_')) throw error;
    if (/incorrect header check/.test(String(error))) throw notABackup();
    throw new BadBackup(`is damaged (${error instanceof Error ? error.message : code})`);
  }
}
