import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { chooseCoding, type Coding, compress, type Compressed } from './content-codings.ts';
import { limits } from './limits.ts';

export interface Answer {
  status: 200 | 304 | 503;
  /** names and values in turn */
  headers: string[];
  body: Buffer | undefined;
}

/**
 * JSON as it is sent: its bytes, their entity tag, and compressed ones once somebody asks for
 * them (RFC 9110 sections 8.8.3, 12.5.3 and 13.1.2).
 */
export class Representation {
  readonly #identity: Buffer;
  readonly #common: string[];
  readonly #tag: string;
  readonly #unchanged: Answer;
  readonly #answers = new Map<Coding, Answer>();
  readonly #compressing = new Map<Compressed, Promise<void>>();
  #bytes: number;

  constructor(json: string) {
    this.#identity = Buffer.from(json);
    this.#bytes = this.#identity.length;
    // Weak, since it stands for the compressed bytes as well.
    const hash = createHash('sha1').update(this.#identity).digest('base64url');
    this.#tag = `"${hash}"`;
    // To be asked for again each time, and never given to another user.
    const kept = ['etag', `W/${this.#tag}`, 'cache-control', 'private, no-cache'];
    this.#common = [...kept, 'vary', 'origin, accept-encoding'];
    this.#unchanged = { status: 304, headers: this.#common, body: undefined };
    this.#add('identity', this.#identity);
  }

  /** How much memory it takes. */
  get bytes(): number {
    return this.#bytes;
  }

  isOf(json: string): boolean {
    return this.#identity.equals(Buffer.from(json));
  }

  /** What to answer to a request with these headers; undefined until it was prepared. */
  answerTo(headers: IncomingHttpHeaders): Answer | undefined {
    const tags = headers['if-none-match'];
    if (tags !== undefined && this.#isAmong(tags)) return this.#unchanged;
    return this.#answers.get(this.#codingFor(headers));
  }

  /** Compresses it as these headers want it, once for all who ask meanwhile, and answers. */
  async prepare(headers: IncomingHttpHeaders): Promise<Answer> {
    const ready = this.answerTo(headers);
    if (ready) return ready;
    const coding = this.#codingFor(headers) as Compressed;
    const running =
      this.#compressing.get(coding) ??
      compress[coding](this.#identity)
        .then((body) => this.#add(coding, body))
        .finally(() => this.#compressing.delete(coding));
    this.#compressing.set(coding, running);
    await running;
    return this.answerTo(headers) as Answer;
  }

  #add(coding: Coding, body: Buffer): void {
    const headers = ['content-type', 'application/json; charset=utf-8', ...this.#common];
    if (coding !== 'identity') headers.push('content-encoding', coding);
    headers.push('content-length', String(body.length));
    this.#answers.set(coding, { status: 200, headers, body });
    this.#bytes += body.length;
  }

  #isAmong(tags: string): boolean {
    return tags.trim() === '*' || tags.split(',').some((tag) => tag.includes(this.#tag));
  }

  #codingFor({ 'accept-encoding': accepted }: IncomingHttpHeaders): Coding {
    const isShort = this.#identity.length < limits.compressedFromBytes;
    return accepted === undefined || isShort ? 'identity' : chooseCoding(accepted);
  }
}
