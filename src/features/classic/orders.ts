import { createHash } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { invalid, notFound } from '../../kernel/errors.ts';
import type { Claim } from '../../kernel/idempotency.ts';
import { failpointOnAnswer } from '../../kernel/failpoints.ts';
import { parseId } from '../../kernel/ids.ts';
import { limits } from '../../kernel/limits.ts';
import { principalOf } from '../accounts/guards.ts';
import { listOrders } from '../orders/list-orders.ts';
import { isOrderStatus } from '../orders/order-status.ts';
import type { Checkout } from '../orders/place-orders.ts';
import { readProductId, readQuantity } from './cart.ts';
import { parsePage } from './queries.ts';
import { orderSchemas } from './schema-orders.ts';
import { actorOf, orderShape, type Shop } from './shapes.ts';

type Fields = Record<string, unknown>;

export function orderRoutes(
  app: FastifyInstance,
  { context, checkouts, statuses, pages }: Shop,
): void {
  app.post('/place-order/', orderSchemas.place, async (request, reply) => {
    const { userId: buyerId } = principalOf(request);
    const lines = readLines((request.body as Fields)['products']);
    const claim = readClaim(request, buyerId, lines);
    const orderIds = await checkouts.place({ buyerId, lines, claim });
    await failpointOnAnswer(request.raw.socket, 'after-first-byte');
    return reply.code(201).send({
      message: 'Order placed successfully',
      order_id: orderIds[0],
      order_ids: orderIds,
    });
  });

  app.patch('/update-order-status/', orderSchemas.status, async (request) => {
    const { order_id, status } = request.body as Fields;
    if (!isOrderStatus(status)) throw invalid('Invalid status');
    const orderId = parseId(order_id);
    if (orderId === undefined) throw notFound('Order not found');
    await statuses.update({ actor: actorOf(principalOf(request)), orderId, status });
    return { message: `Order status updated to ${status}` };
  });

  app.get('/list-user-order/', orderSchemas.list, async (request) => {
    const { page, pageSize } = parsePage(request.query);
    if (page === undefined) throw notFound('Invalid page.');
    const { userId } = principalOf(request);
    const found = await listOrders(pages, userId, { page, pageSize });
    const link = (number: number) =>
      number >= 1 && number <= found.totalPages ? pageUrl(request, number) : null;
    return {
      count: found.total,
      next: link(found.page + 1),
      previous: link(found.page - 1),
      results: found.orders.map((order) => orderShape(order, context.config.currency)),
    };
  });
}

/** Without products: the cart. @throws Refusal for anything but a list of lines */
function readLines(products: unknown): Checkout['lines'] {
  if (products === undefined) return 'cart';
  if (!products) throw invalid('No products provided');
  if (!Array.isArray(products)) throw invalid('products must be a list');
  if (products.length > limits.orderLines) {
    throw invalid(`An order takes at most ${limits.orderLines} products`);
  }
  return products.map((line: unknown) => {
    if (typeof line !== 'object' || line === null || Array.isArray(line)) {
      throw invalid('Each product must be an object with product_id and quantity');
    }
    const { product_id, quantity } = line as Fields;
    return { productId: readProductId(product_id), quantity: readQuantity(quantity) };
  });
}

/** The claim of an Idempotency-Key; what was asked is told apart by its hash. */
function readClaim(
  request: FastifyRequest,
  userId: number,
  lines: Checkout['lines'],
): Claim | undefined {
  const key = request.headers['idempotency-key'];
  if (key === undefined) return undefined;
  const isText = typeof key === 'string' && /^[\x20-\x7e]+$/.test(key);
  if (!isText || key.length > limits.idempotencyKeyCharacters) {
    throw invalid(
      `Idempotency-Key must have 1 to ${limits.idempotencyKeyCharacters} printable characters`,
    );
  }
  const asked = JSON.stringify(['place-order', lines]);
  return { userId, key, requestHash: createHash('sha256').update(asked).digest() };
}

/** The same request for another page; the first goes without a number, as it always did. */
function pageUrl(request: FastifyRequest, page: number): string {
  const scheme = request.protocol === 'https' ? 'https' : 'http'; // a proxy's header may say any
  const host = `${scheme}://${request.host}`;
  const url = new URL(request.url, URL.canParse(host) ? host : 'http://localhost');
  if (page === 1) url.searchParams.delete('page');
  else url.searchParams.set('page', String(page));
  return url.href;
}
