import type { FastifyBaseLogger, FastifyReply, FastifyRequest } from 'fastify';
import { boundedPerSecond } from './bounded-lines.ts';
import { HttpError, Refusal, Unavailable } from './errors.ts';
import { tooLarge } from './http-bodies.ts';
import { limits } from './limits.ts';

interface Answer {
  status: number;
  body: object;
  headers?: Record<string, string>;
}

const statusOf = {
  invalid: 400,
  not_found: 404,
  conflict: 409,
  mismatch: 422,
  unavailable: 503,
} as const;

/** What is logged of a request that was not answered as it should be. */
export interface RequestLog {
  /** refused with 503, or slow */
  warn(fields: object, message: string): void;
  /** answered with 500 */
  error(fields: object, message: string): void;
}

/** Of a flood of requests only so many lines a second, and how many went unwritten. */
export function openRequestLog(log: FastifyBaseLogger): RequestLog {
  const bounded = () =>
    boundedPerSecond(limits.requestLinesPerSecond, (unwritten) =>
      log.warn({ unwritten }, 'more requests failed or were slow than are logged'),
    );
  // Bounds of their own: thousands that are refused do not hide the one that met a defect.
  const [mayWarn, mayTellOfError] = [bounded(), bounded()];
  return {
    warn: (fields, message) => mayWarn() && log.warn(fields, message),
    error: (fields, message) => mayTellOfError() && log.error(fields, message),
  };
}

/** The one place where what was thrown becomes an answer. */
export const errorAnswers =
  (log: RequestLog) =>
  (error: Error, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const { status, body, headers = {} } = answerOf(error, request);
    const route = request.routeOptions.url;
    if (error instanceof Unavailable) {
      const cause = error.cause instanceof Error ? error.cause.message : undefined;
      log.warn({ reqId: request.id, route, cause }, error.message);
    } else if (status >= 500) {
      log.error({ reqId: request.id, err: error, route }, 'request failed');
    }
    reply.code(status).headers(headers).header('content-type', 'application/json; charset=utf-8');
    return reply.send(JSON.stringify(body)); // a string passes by the route's response schema
  };

function answerOf(error: Error, request: FastifyRequest): Answer {
  if (error instanceof HttpError) return error;
  if (error instanceof Unavailable) {
    const headers = { 'Retry-After': String(error.retryAfterSeconds) };
    return { status: 503, body: { detail: error.message }, headers };
  }
  if (error instanceof Refusal) {
    const worded = error.kind === 'not_found' ? request.routeOptions.config.notFound : undefined;
    return { status: statusOf[error.kind], body: worded ?? { error: error.message } };
  }
  return answerOfFramework(error, request);
}

function answerOfFramework(error: Error, request: FastifyRequest): Answer {
  const code = 'code' in error ? error.code : '';
  const status = 'statusCode' in error ? Number(error.statusCode) : 500;
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
    const type = JSON.stringify(request.headers['content-type'] ?? '');
    return { status: 415, body: { detail: `Unsupported media type ${type} in request.` } };
  }
  if (status === 413) return { status, body: tooLarge };
  if (status >= 400 && status < 500) return { status, body: { detail: error.message } };
  const detail = 'Something went wrong on our side. Give the X-Request-Id when you report it.';
  return { status: 500, body: { detail } };
}
