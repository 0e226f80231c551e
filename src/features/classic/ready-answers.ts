import type { IncomingMessage } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ByteCache } from '../../kernel/byte-cache.ts';
import { limits } from '../../kernel/limits.ts';
import { type Answer, Representation } from '../../kernel/representation.ts';
import type { ListCache, Stamp } from '../catalog/list-cache.ts';

/** The JSON of a list, and what says how long it is true. */
export interface Made {
  json: string;
  stamp: Stamp;
}

interface Kept {
  make: () => Promise<Made>;
  stamp: Stamp;
  representation: Representation;
  bytes: number;
  /** being made anew since a generation of the lists */
  renewal?: { since: number; done: Promise<Kept> };
}

/**
 * What the lists were last answered with, by URL. Every signed-in user is answered alike, so for
 * as long as nothing has changed the same bytes go out, before the router. After a change they are
 * made anew once, for all who ask meanwhile.
 */
export class ReadyAnswers {
  readonly #lists: ListCache;
  readonly #isAdmitted: (authorization: string | undefined) => boolean;
  readonly #kept = new ByteCache<Kept>(limits.readyAnswerBytes);

  /** @param isAdmitted whether a signed-in user, known here, asks with this header */
  constructor(lists: ListCache, isAdmitted: (authorization: string | undefined) => boolean) {
    this.#lists = lists;
    this.#isAdmitted = isAdmitted;
  }

  /**
   * The answer to a request like one that was answered before; undefined, now or later, leaves
   * it to the router.
   */
  find({
    method,
    url = '',
    headers,
  }: IncomingMessage): Answer | Promise<Answer | undefined> | undefined {
    const kept = method === 'GET' ? this.#kept.peek(url) : undefined;
    if (kept === undefined || !this.#isAdmitted(headers.authorization)) return undefined;
    const { stamp, representation } = kept;
    const isCurrent = this.#lists.isCurrent(stamp);
    const ready = isCurrent ? representation.answerTo(headers) : undefined;
    if (ready) return ready;
    const making = isCurrent ? Promise.resolve(kept) : this.#renew(url, kept);
    // Of what fails the router will say what is wrong.
    return making.then((made) => made.representation.prepare(headers)).catch(() => undefined);
  }

  /** Answers with a list that `make` makes, and keeps the answer for the next who asks. */
  async send(
    { url, headers }: FastifyRequest,
    reply: FastifyReply,
    make: () => Promise<Made>,
  ): Promise<void> {
    const { representation } = this.#keep(url, make, await make());
    const answer = await representation.prepare(headers);
    reply.code(answer.status);
    for (let at = 0; at < answer.headers.length; at += 2) {
      reply.header(answer.headers[at] ?? '', answer.headers[at + 1]);
    }
    await reply.send(answer.body);
  }

  /** Whoever asks after yet another change must not join what began before it. */
  #renew(url: string, kept: Kept): Promise<Kept> {
    const since = this.#lists.generation;
    if (kept.renewal?.since !== since) {
      const done = kept.make().then((made) => this.#keep(url, kept.make, made));
      kept.renewal = { since, done };
    }
    return kept.renewal.done;
  }

  #keep(url: string, make: () => Promise<Made>, { json, stamp }: Made): Kept {
    const before = this.#kept.get(url)?.representation;
    const representation = before?.isOf(json) ? before : new Representation(json);
    // Measured: small buffers are parts of slabs, which live until the last of their parts goes.
    const bytes = 2 * representation.bytes + url.length + 2_500;
    const kept = { make, stamp, representation, bytes };
    this.#kept.set(url, kept);
    return kept;
  }
}
