import { isUtf8 } from 'node:buffer';
import { parse as parseQuery } from 'node:querystring';
import formbody from '@fastify/formbody';
import multipart from '@fastify/multipart';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { HttpError } from './errors.ts';
import { limits } from './limits.ts';

export const tooLarge = { detail: `Request body exceeds ${limits.bodyBytes} bytes.` };

/** JSON, form and multipart bodies; every other media type is refused with 415. */
export function readBodies(app: FastifyInstance): void {
  const { bodyBytes } = limits;
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => {
    try {
      done(null, parseJson(body as Buffer));
    } catch (error) {
      done(error as Error);
    }
  });
  void app.register(formbody, { parser: (text) => lastOfEach(parseQuery(text)) });
  void app.register(multipart, {
    limits: { fieldSize: bodyBytes, fileSize: bodyBytes, fields: 100, files: 10, parts: 110 },
  });
  app.addHook('preValidation', async (request) => {
    if (request.isMultipart()) request.body = await readParts(request);
  });
}

/**
 * The parser reads the request itself, so the limit of all bodies is held here.
 * @throws HttpError 413, or 400: whatever else the parser throws is about what was sent
 */
async function readParts(request: FastifyRequest): Promise<Fields> {
  const refuseAbove = (bytes: number): void => {
    if (bytes > limits.bodyBytes) throw new HttpError(413, tooLarge, { connection: 'close' });
  };
  refuseAbove(Number(request.headers['content-length'] ?? 0));
  const fields = new Map<string, unknown>(); // the last of a repeated field counts
  let bytes = 0;
  try {
    for await (const part of request.parts()) {
      const value = part.type === 'file' ? await part.toBuffer() : part.value;
      bytes += Buffer.isBuffer(value) ? value.length : String(value).length;
      refuseAbove(bytes);
      fields.set(part.fieldname, value);
    }
  } catch (error) {
    if (error instanceof HttpError) throw error;
    const reason = error instanceof Error ? error.message : 'malformed';
    throw new HttpError(400, { detail: `Multipart form parse error - ${reason}` });
  }
  return Object.fromEntries(fields);
}

type Fields = Record<string, unknown>;

/** A repeated form field counts as its last, as it did in the old system. */
function lastOfEach(fields: Fields): Fields {
  const entries = Object.entries(fields).map(([name, value]) => {
    const last: unknown = Array.isArray(value) ? value.at(-1) : value;
    return [name, last] as const;
  });
  return Object.fromEntries(entries);
}

/** @throws HttpError 400 in the words of the classic API */
function parseJson(body: Buffer): unknown {
  if (body.length === 0) return {};
  const fail = (reason: string): never => {
    throw new HttpError(400, { detail: `JSON parse error - ${reason}` });
  };
  if (!isUtf8(body)) fail('the body is not valid UTF-8');
  try {
    return JSON.parse(body.toString());
  } catch (error) {
    // The place, not the runtime's message: that repeats what was sent, which may be a secret.
    const place = /position (\d+)/.exec(String(error))?.[1];
    return fail(place ? `unexpected character at position ${place}` : 'not valid JSON');
  }
}
