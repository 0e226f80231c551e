import type { IncomingMessage } from 'node:http';
import type { Metrics } from '../../kernel/metrics.ts';
import type { Answer } from '../../kernel/representation.ts';
import type { CheckoutQueue } from '../orders/checkout-queue.ts';

const path = /^(?:\/app)?\/place-order\/?(?:$|\?)/;

const body = Buffer.from('{"detail":"Too many orders at once. Try again in a moment."}');
const busy: Answer = {
  status: 503,
  headers: Object.entries({
    'content-type': 'application/json; charset=utf-8',
    'content-length': String(body.length),
    'cache-control': 'no-store',
    'retry-after': '1',
  }).flat(),
  body,
};

/**
 * Refuses orders before the router while too many wait. To read one, see who sent it and refuse
 * it then takes as long as half of an order: a shop that is asked for twice what it can do would
 * do little else.
 */
export function shedOrders(
  checkouts: CheckoutQueue,
  metrics: Metrics,
): (request: IncomingMessage) => Answer | undefined {
  return ({ method, url = '' }) => {
    if (!checkouts.isFull || method !== 'POST' || !path.test(url)) return undefined;
    metrics.shedOrders.inc();
    return busy;
  };
}
