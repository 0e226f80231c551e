import { createHash } from 'node:crypto';
import { limits } from '../limits.ts';
import { BadBackup, cutOff, endOfRows, notABackup } from './format.ts';

const lineEnd = 10;

/** Reads the text of a backup piece by piece, and keeps the SHA-256 of what was read. */
export class TextReader {
  readonly #chunks: AsyncIterator<Buffer>;
  readonly #hash = createHash('sha256');
  #unread: Buffer = Buffer.alloc(0);
  #isFirst = true;

  constructor(chunks: AsyncIterable<Buffer>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** The next line. @throws BadBackup when there is none, or it is too long to be one */
  async line(): Promise<string> {
    let end = this.#unread.indexOf(lineEnd);
    while (end < 0) {
      if (this.#unread.length > limits.backupLineBytes) throw this.#tooLong();
      await this.#readMore();
      end = this.#unread.indexOf(lineEnd);
    }
    this.#isFirst = false;
    return this.#take(end + 1).toString('utf8', 0, end);
  }

  /** The rows of a table up to the line that ends them; each chunk is whole rows. */
  async *rows(): AsyncGenerator<Buffer, void> {
    for (;;) {
      const wholeLines = this.#unread.lastIndexOf(lineEnd) + 1;
      const end = endIn(this.#unread.subarray(0, wholeLines));
      const rows = end ?? wholeLines;
      if (rows > 0) yield this.#take(rows);
      if (end !== undefined) {
        this.#take(endOfRows.length);
        return;
      }
      if (this.#unread.length > limits.backupRowBytes) throw this.#tooLong();
      await this.#readMore();
    }
  }

  /** The SHA-256 of all that was read so far, in hexadecimal. */
  sha256(): string {
    return this.#hash.copy().digest('hex');
  }

  /** @throws BadBackup unless nothing is left */
  async end(): Promise<void> {
    const { done } = await this.#chunks.next();
    if (!done || this.#unread.length > 0) throw new BadBackup('is damaged: more follows its end');
  }

  #take(bytes: number): Buffer {
    const taken = this.#unread.subarray(0, bytes);
    this.#unread = this.#unread.subarray(bytes);
    this.#hash.update(taken);
    return taken;
  }

  async #readMore(): Promise<void> {
    const { done, value } = await this.#chunks.next();
    if (done) throw this.#isFirst ? notABackup() : cutOff();
    this.#unread = this.#unread.length === 0 ? value : Buffer.concat([this.#unread, value]);
  }

  #tooLong(): BadBackup {
    return this.#isFirst ? notABackup() : new BadBackup('is damaged: a line does not end');
  }
}

/** Where the line that ends the rows begins in whole lines. */
function endIn(lines: Buffer): number | undefined {
  // No row is like it: COPY writes a backslash as two.
  if (lines.subarray(0, endOfRows.length).equals(Buffer.from(endOfRows))) return 0;
  const before = lines.indexOf(`\n${endOfRows}`);
  return before < 0 ? undefined : before + 1;
}
