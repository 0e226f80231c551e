import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/** All Prometheus metrics of a node, in one registry of its own. */
export interface Metrics {
  registry: Registry;
  requestSeconds: Histogram<'method' | 'route' | 'status'>;
  readyAnswers: Counter;
  shedOrders: Counter;
  checkoutBatchOrders: Histogram;
  checkoutWaitSeconds: Histogram;
  listCache: Counter<'result'>;
  listCacheBytes: Gauge;
  sockets: Gauge;
  notificationsSent: Counter;
  databaseConnections: Gauge<'state'>;
}

export function openMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const counter = (name: string, help: string) => new Counter({ name, help, registers });
  return {
    registry,
    requestSeconds: new Histogram({
      name: 'souk_http_request_seconds',
      help: 'Time to answer a request',
      labelNames: ['method', 'route', 'status'],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers,
    }),
    readyAnswers: counter(
      'souk_http_ready_answers_total',
      'Requests answered before the router, in microseconds; not among the others',
    ),
    shedOrders: counter(
      'souk_orders_shed_total',
      'Orders refused before the router because too many waited',
    ),
    checkoutBatchOrders: new Histogram({
      name: 'souk_checkout_batch_checkouts',
      help: 'Checkouts committed in one transaction',
      buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256],
      registers,
    }),
    checkoutWaitSeconds: new Histogram({
      name: 'souk_checkout_wait_seconds',
      help: 'Time a checkout waited for its transaction to begin',
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1],
      registers,
    }),
    listCache: new Counter({
      name: 'souk_list_cache_total',
      help: 'Answers of the product list by where the page of ids came from',
      labelNames: ['result'],
      registers,
    }),
    listCacheBytes: new Gauge({
      name: 'souk_list_cache_bytes',
      help: 'Size of cached pages and product fragments',
      registers,
    }),
    sockets: new Gauge({
      name: 'souk_sockets',
      help: 'Open notification sockets',
      registers,
    }),
    notificationsSent: counter('souk_notifications_sent_total', 'Notifications written to sockets'),
    databaseConnections: new Gauge({
      name: 'souk_database_connections',
      help: 'Connections of the pool by state; waiting are callers without one',
      labelNames: ['state'],
      registers,
    }),
  };
}
