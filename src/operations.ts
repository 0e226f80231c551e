import type { FastifyInstance } from 'fastify';
import type { Context } from './context.ts';

/** Health and metrics, for whoever runs the shop; a proxy in front should keep /metrics inside. */
export function operationRoutes(
  app: FastifyInstance,
  { db, metrics }: Context,
  metricsText = () => metrics.registry.metrics(),
): void {
  const config = { access: 'anyone' as const };
  const schema = { tags: ['operations'], security: [] };

  app.get(
    '/healthz',
    { config, schema: { ...schema, summary: 'The process runs' }, logLevel: 'error' },
    async () => ({ status: 'ok' }),
  );

  app.get(
    '/readyz',
    { config, schema: { ...schema, summary: 'The shop can serve: its database answers' } },
    async () => {
      await db.ping();
      return { status: 'ready' };
    },
  );

  app.get(
    '/metrics',
    { config, schema: { ...schema, summary: 'Prometheus metrics' } },
    async (_request, reply) => {
      const { open, idle, waiting } = db.load();
      metrics.databaseConnections.set({ state: 'busy' }, open - idle);
      metrics.databaseConnections.set({ state: 'idle' }, idle);
      metrics.databaseConnections.set({ state: 'waiting' }, waiting);
      return reply.type(metrics.registry.contentType).send(await metricsText());
    },
  );
}
