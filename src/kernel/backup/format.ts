import { OperatorError } from '../errors.ts';

// A backup is gzip of text. First the header, a line of JSON; then for each table a line of JSON
// with its name, its rows as COPY writes them, and a line `\.`; last a line of JSON with the
// number of rows of each table and the SHA-256 of all that comes before that line.

export const formatName = 'souk-backup';
export const formatVersion = 1;
export const endOfRows = '\\.\n';

export interface Table {
  name: string;
  columns: string[];
}

/** What was run on the database, in order. */
export interface AppliedMigration {
  number: number;
  name: string;
  checksum: string;
}

export interface Header {
  format: typeof formatName;
  version: number;
  /** the version of Souk that made the backup */
  souk: string;
  /** the moment that the backup shows, by the clock of the database */
  takenAt: string;
  /** the version of PostgreSQL it was taken from */
  server: string;
  migrations: AppliedMigration[];
  /** about the shop, for who looks into the file */
  about: Record<string, string>;
  tables: Table[];
  /** tables whose rows are not in the backup */
  leftOut: string[];
  sequences: { name: string; lastValue: string }[];
}

/** The last line. */
export interface End {
  rows: Record<string, number>;
  sha256: string;
}

/** The file is not a whole backup that this version can read. */
export class BadBackup extends OperatorError {
  override name = 'BadBackup';
}

export const notABackup = (): BadBackup => new BadBackup('is not a backup of Souk');
export const cutOff = (): BadBackup => new BadBackup('is cut off: its end is missing');

/** @throws BadBackup when it is no header, or one of a newer format */
export function parseHeader(line: string): Header {
  const header: Partial<Header> | undefined = parseObject(line);
  if (header?.format !== formatName || typeof header.version !== 'number') {
    throw notABackup();
  }
  if (header.version > formatVersion) {
    throw new BadBackup(
      `has format ${header.version}; this version of Souk reads up to ${formatVersion}. Restore ` +
        `it with Souk ${header.souk ?? ''} or later`,
    );
  }
  const { migrations, tables, leftOut, sequences } = header;
  if (![migrations, tables, leftOut, sequences].every(Array.isArray)) {
    throw new BadBackup('is damaged: its header has no list of tables');
  }
  return header as Header;
}

/** @throws BadBackup unless it is the line that begins a table, or the last one */
export function parseMark(line: string): { table: string } | { end: End } {
  const mark: { table?: unknown; end?: Partial<End> } | undefined = parseObject(line);
  if (typeof mark?.table === 'string') return { table: mark.table };
  if (typeof mark?.end?.sha256 === 'string' && typeof mark.end.rows === 'object') {
    return { end: mark.end as End };
  }
  throw new BadBackup('is damaged: where a table should begin there is something else');
}

function parseObject(line: string): object | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The ends of lines in text that COPY wrote: its rows, as line ends within are escaped. */
export function countLines(text: Buffer): number {
  let lines = 0;
  for (let at = text.indexOf(10); at >= 0; at = text.indexOf(10, at + 1)) lines += 1;
  return lines;
}
