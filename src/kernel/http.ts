import type { IncomingMessage } from 'node:http';
import cors from '@fastify/cors';
import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify';
import type { Config } from '../config.ts';
import { HttpError } from './errors.ts';
import { readBodies } from './http-bodies.ts';
import { answerError } from './http-errors.ts';
import { refuseAmbiguous, refuseBytes, waitForTurn } from './http-framing.ts';
import { type FindReady, openServer } from './http-server.ts';
import { newId } from './ids.ts';
import { limits } from './limits.ts';
import type { Metrics } from './metrics.ts';

export type Access = 'anyone' | 'user' | 'buyer' | 'seller';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** who may call the route; without it any signed-in user */
    access?: Access;
    /** the body of a 404 where the classic API words it for this route */
    notFound?: object;
    /** the answer to the wrong role where it is not the usual 403 */
    wrongRole?: { status: number; body: object };
  }
}

interface HttpOptions {
  config: Pick<Config, 'corsOrigins' | 'trustProxy'>;
  log: FastifyBaseLogger;
  metrics: Metrics;
  /** throws, or rejects with, HttpError when the request's credentials do not admit it */
  admit: (request: FastifyRequest, access: Access) => Promise<void> | undefined;
  /** makes the reader of a route's bodies from their schema; it throws HttpError for bad ones */
  bodyReader: (schema: object) => (body: unknown) => unknown;
  /** finds what can be answered without the router */
  findReady: FindReady;
}

const securityHeaders = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-site',
  'strict-transport-security': 'max-age=31536000; includeSubDomains',
  'content-security-policy':
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox",
};
const notKept = { 'cache-control': 'no-store' }; // unless the route says how

/** The HTTP server: body readers, admission, errors, headers, CORS. Features add their routes. */
export function createHttp(options: HttpOptions): FastifyInstance {
  const { config, metrics } = options;
  const requestId = requestIds();
  const hops = config.trustProxy;
  const app = Fastify({
    loggerInstance: options.log,
    childLoggerFactory: (logger) => logger, // one a request is dear; log lines name the request
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: limits.bodyBytes,
    serverFactory: (route) =>
      openServer(route, {
        find: options.findReady,
        headers: Object.entries(securityHeaders).flat(),
        requestId,
        count: () => metrics.readyAnswers.inc(),
        hasCors: config.corsOrigins.length > 0,
      }),
    trustProxy: typeof hops === 'number' ? (_address, hop) => hop < hops : hops,
    genReqId: requestId,
    return503OnClosing: false, // what arrives while the node drains is served
    routerOptions: { ignoreTrailingSlash: true },
    frameworkErrors(error, request, reply) {
      void reply.headers(securityHeaders).headers(notKept).header('x-request-id', request.id);
      void answerError(error, request, reply);
    },
    clientErrorHandler: refuseBytes,
  });
  app.setValidatorCompiler(({ schema, httpPart }) => {
    // Query strings are read by their handlers: the classic API ignores filters it cannot read.
    if (httpPart !== 'body') return () => true;
    const read = options.bodyReader(schema);
    return (body) => ({ value: read(body) });
  });
  app.setErrorHandler(answerError);
  app.setNotFoundHandler(() => {
    throw new HttpError(404, { detail: 'Not found.' });
  });
  readBodies(app);
  if (config.corsOrigins.length > 0) {
    void app.register(cors, {
      origin: [...config.corsOrigins],
      methods: ['GET', 'HEAD', 'POST', 'PATCH', 'DELETE'],
      exposedHeaders: ['Retry-After', 'X-Request-Id'],
      strictPreflight: false, // OPTIONS is asked without an Origin too
      maxAge: 600,
    });
  }
  admitRequests(app, options);
  app.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'unknown';
    const status = String(reply.statusCode);
    const labels = { method: request.method, route, status };
    metrics.requestSeconds.observe(labels, reply.elapsedTime / 1000);
    if (reply.elapsedTime > limits.slowRequestMs) {
      const ms = Math.round(reply.elapsedTime);
      options.log.warn({ reqId: request.id, route, status, ms }, 'slow request');
    }
    done();
  });
  return app;
}

/** Authentication and role come before the body is read; a wrong path or method before both. */
function admitRequests(app: FastifyInstance, { admit }: HttpOptions): void {
  const paths = new Map<string, { methods: Set<string>; access: Access }>();
  app.addHook('onRoute', (route) => {
    const known = paths.get(slashed(route.url));
    const methods = new Set([...(known?.methods ?? []), ...[route.method].flat()]);
    paths.set(slashed(route.url), { methods, access: route.config?.access ?? 'user' });
  });
  const refuseUnrouted = async (request: FastifyRequest, reply: FastifyReply) => {
    const path = paths.get(slashed(request.url.split('?', 1)[0] ?? ''));
    if (path === undefined) throw new HttpError(404, { detail: 'Not found.' });
    const allow = [...path.methods, 'OPTIONS'].join(', ');
    if (request.method === 'OPTIONS') {
      await reply.code(204).header('Allow', allow).send();
      return;
    }
    await admit(request, path.access === 'anyone' ? 'anyone' : 'user');
    const detail = `Method "${request.method}" not allowed.`;
    throw new HttpError(405, { detail }, { Allow: allow });
  };
  const enter = (request: FastifyRequest, reply: FastifyReply): Promise<void> | undefined => {
    reply.headers(securityHeaders).headers(notKept).header('x-request-id', request.id);
    refuseAmbiguous(request.raw);
    return request.is404
      ? refuseUnrouted(request, reply)
      : admit(request, request.routeOptions.config.access ?? 'user');
  };
  app.addHook('onRequest', (request, reply, done) => {
    const work = (): void => {
      let pending: Promise<void> | undefined;
      try {
        pending = enter(request, reply);
      } catch (error) {
        done(error as Error);
        return;
      }
      if (pending === undefined) done();
      else pending.then(() => reply.sent || done(), done);
    };
    if (!waitForTurn(request.raw, reply.raw, work)) work();
  });
}

const slashed = (path: string): string => (path.endsWith('/') ? path : `${path}/`);

/** Takes a well-formed id of a proxy in front, or makes one: short, and unique across nodes. */
function requestIds(): (request: IncomingMessage) => string {
  const node = newId().slice(-8);
  let count = 0;
  return (request) => {
    const given = request.headers['x-request-id'];
    if (typeof given === 'string' && /^[\w-]{8,64}$/.test(given)) return given;
    count += 1;
    return `${node}-${count.toString(36)}`;
  };
}
