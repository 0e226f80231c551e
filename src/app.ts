import type { FastifyInstance } from 'fastify';
import type { Context } from './context.ts';
import { openGuard, openKnownGuard } from './features/accounts/guards.ts';
import { logSecurity } from './features/accounts/security-log.ts';
import { Sessions } from './features/accounts/sessions.ts';
import { openTokens } from './features/accounts/tokens.ts';
import { Carts } from './features/cart/carts.ts';
import { ListCache } from './features/catalog/list-cache.ts';
import { accountRoutes, sessionRoutes } from './features/classic/accounts.ts';
import { cartRoutes } from './features/classic/cart.ts';
import { categoryRoutes, productRoutes } from './features/classic/catalog.ts';
import { bodyReader } from './features/classic/fields.ts';
import { orderRoutes } from './features/classic/orders.ts';
import { passwordRoutes } from './features/classic/password.ts';
import { ReadyAnswers } from './features/classic/ready-answers.ts';
import { productShape, type Shop } from './features/classic/shapes.ts';
import { shedOrders } from './features/classic/shed-orders.ts';
import { readHandshake, socketAuthenticator } from './features/classic/sockets.ts';
import { Sockets } from './features/notifications/sockets.ts';
import { CheckoutQueue } from './features/orders/checkout-queue.ts';
import { PageQueue } from './features/orders/page-queue.ts';
import { StatusQueue } from './features/orders/status-queue.ts';
import { documentApi } from './kernel/docs.ts';
import { createHttp } from './kernel/http.ts';
import { noRateLimits, openRateLimits } from './kernel/rate-limits.ts';
import { operationRoutes } from './operations.ts';

const quieter = (level: string): string => (level === 'info' ? 'warn' : level);

export interface App {
  http: FastifyInstance;
  /** Stops accepting, lets running requests finish, tells the sockets, stops the timers. */
  close(): Promise<void>;
}

/**
 * The whole system on one page: what each feature keeps in memory, and who is told of what.
 *
 *   accounts       sessions: revoked on any node → this node forgets them, their sockets close
 *   catalog        list cache: follows `catalog.changed`, which inventory, catalog and orders tell
 *   inventory      nothing in memory
 *   cart           queues of changes and of reads: many requests, one transaction or statement
 *   notifications  sockets: follow `streams.grown`, which orders tell
 *   orders         checkout queue, status queue: many requests, one transaction;
 *                  page queue: many requests, one statement
 *   classic        the HTTP and socket addresses of all of it
 */
export async function buildApp(
  context: Context,
  metricsText?: () => Promise<string>,
): Promise<App> {
  const { config, log, metrics } = context;
  const tokens = openTokens(context.jwtKey, config);
  const sessions = new Sessions(context);
  const lists = new ListCache(context, (product) =>
    JSON.stringify(productShape(product, config.currency)),
  );
  const rateLimiter = config.rateLimits
    ? openRateLimits(context.redis, context.keyPrefix)
    : noRateLimits;
  const ready = new ReadyAnswers(lists, openKnownGuard(tokens, sessions));
  const queues = openQueues(context);
  const shed = shedOrders(queues.checkouts, metrics);
  const shop: Shop = { context, tokens, sessions, rateLimiter, lists, ready, ...queues };
  const sockets = new Sockets(context, {
    sessions,
    readHandshake,
    authenticate: socketAuthenticator(context, tokens, sessions),
  });

  const http = createHttp({
    config,
    // The welcome says where it listens; of requests only slow and failed ones are logged.
    log: log.child({}, { level: quieter(log.level) }),
    metrics,
    bodyReader,
    admit: openGuard(tokens, sessions),
    findReady: (request) => shed(request) ?? ready.find(request),
  });
  http.decorateRequest('principal', null);
  logSecurity(http, log);
  await documentApi(http);
  operationRoutes(http, context, metricsText);

  for (const routes of [accountRoutes, sessionRoutes, passwordRoutes]) routes(http, shop);
  // The old system answered below /app; its README documents the root. Both work.
  for (const prefix of ['', '/app']) {
    const all = [categoryRoutes, productRoutes, cartRoutes, orderRoutes];
    await http.register(
      async (scope) => {
        for (const routes of all) routes(scope, shop);
      },
      { prefix },
    );
  }
  sockets.listen(http.server);

  return {
    http,
    async close() {
      sockets.close();
      // A connection that was busy when closing began stays open after its answer.
      const idle = setInterval(() => http.server.closeIdleConnections(), 100);
      await http.close();
      clearInterval(idle);
      lists.close();
      sessions.close();
    },
  };
}

const openQueues = (context: Context) => ({
  carts: new Carts(context),
  checkouts: new CheckoutQueue(context),
  statuses: new StatusQueue(context),
  pages: new PageQueue(context),
});
