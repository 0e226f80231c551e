import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { boundedPerSecond } from '../../kernel/bounded-lines.ts';
import { limits } from '../../kernel/limits.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** the user who came to be known by this request: a login, a registration */
    admitted: number | null;
  }
}

const refusals = new Set([401, 403, 429]);

/**
 * A line for everything that /auth/… does and for every refusal of a caller: when, who, from
 * where, what, and how it ended. Never an email or a token: people type passwords as their email.
 */
export function logSecurity(http: FastifyInstance, log: Logger): void {
  http.decorateRequest('admitted', null);
  // Bounds of their own: a flood of guesses does not hide the one that was right.
  const mayWrite = boundedPerSecond<'well' | 'refused'>(
    limits.securityLinesPerSecond,
    (ended, unwritten) => log.warn({ unwritten, ended }, 'more security events than are logged'),
  );
  http.addHook('onResponse', (request, reply, done) => {
    const isOfInterest =
      refusals.has(reply.statusCode) || request.routeOptions.url?.startsWith('/auth/');
    const ended = reply.statusCode < 400 ? 'well' : 'refused';
    if (isOfInterest && mayWrite(ended)) log.info(eventOf(request, reply), 'security');
    done();
  });
}

function eventOf(request: FastifyRequest, reply: FastifyReply): object {
  return {
    reqId: request.id,
    method: request.method,
    route: request.routeOptions.url,
    status: reply.statusCode,
    address: request.ip,
    userId: request.admitted ?? request.principal?.userId,
  };
}
