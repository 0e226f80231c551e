import type { IncomingMessage } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ByteCache } from '../../kernel/byte-cache.ts';
import { limits } from '../../kernel/limits.ts';
import { type Answer, Representation } from '../../kernel/representation.ts';
import type { ListCache, Stamp } from '../catalog/list-cache.ts';

interface Kept {
  stamp: Stamp;
  representation: Representation;
  bytes: number;
}

/**
 * What the lists were last answered with, by URL. Every signed-in user is answered alike, so for
 * as long as nothing has changed the same bytes go out, before the router.
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

  /** The answer to a request that was answered before; undefined leaves it to the router. */
  find({ url, headers }: IncomingMessage): Answer | undefined {
    const kept = this.#kept.peek(url ?? '');
    if (kept === undefined || !this.#lists.isCurrent(kept.stamp)) return undefined;
    return this.#isAdmitted(headers.authorization)
      ? kept.representation.answerTo(headers)
      : undefined;
  }

  /** Answers with a list, and keeps the answer for the next who asks. */
  async send(
    { url, headers }: FastifyRequest,
    reply: FastifyReply,
    { json, stamp }: { json: string; stamp: Stamp },
  ): Promise<void> {
    const before = this.#kept.get(url)?.representation;
    const representation = before?.isOf(json) ? before : new Representation(json);
    const answer = await representation.prepare(headers);
    const bytes = representation.bytes + url.length;
    this.#kept.set(url, { stamp, representation, bytes });
    reply.code(answer.status);
    for (let at = 0; at < answer.headers.length; at += 2) {
      reply.header(answer.headers[at] ?? '', answer.headers[at + 1]);
    }
    await reply.send(answer.body);
  }
}
