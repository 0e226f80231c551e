import type { FastifyReply, FastifyRequest } from 'fastify';
import { HttpError, Refusal, Unavailable } from './errors.ts';
import { tooLarge } from './http-bodies.ts';

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

/** The one place where what was thrown becomes an answer. */
export function answerError(
  error: Error,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const { status, body, headers = {} } = answerOf(error, request);
  const route = request.routeOptions.url;
  if (error instanceof Unavailable) {
    const cause = error.cause instanceof Error ? error.cause.message : undefined;
    request.log.warn({ reqId: request.id, route, cause }, error.message);
  } else if (status >= 500) {
    request.log.error({ reqId: request.id, err: error, route }, 'request failed');
  }
  reply.code(status).headers(headers).header('content-type', 'application/json; charset=utf-8');
  return reply.send(JSON.stringify(body)); // a string passes by the route's response schema
}

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
