import type { FastifyInstance } from 'fastify';
import { invalid, notFound } from '../../kernel/errors.ts';
import { parseId } from '../../kernel/ids.ts';
import { parseNumber, queryText } from '../../kernel/inputs.ts';
import { limits } from '../../kernel/limits.ts';
import { principalOf } from '../accounts/guards.ts';
import type { Cart } from '../cart/cart.ts';
import { shown } from './fields.ts';
import { cartSchemas } from './schema-orders.ts';
import { cartShape, type Shop } from './shapes.ts';

type Fields = Record<string, unknown>;

export function cartRoutes(app: FastifyInstance, { context, carts }: Shop): void {
  const show = (cart: Cart) => cartShape(cart, context.config.currency);

  app.get('/cart/', cartSchemas.read, async (request) =>
    show(await carts.read(principalOf(request).userId)),
  );

  app.post('/cart/', cartSchemas.add, async (request, reply) => {
    const { userId: buyerId } = principalOf(request);
    const { product_id, quantity } = request.body as Fields;
    const line = { productId: readProductId(product_id), quantity: readQuantity(quantity) };
    const cart = await carts.change({ verb: 'add', buyerId, ...line });
    return reply.code(201).send(show(cart));
  });

  app.patch('/cart/', cartSchemas.set, async (request) => {
    const { userId: buyerId } = principalOf(request);
    const { product_id, quantity } = request.body as Fields;
    const line = { productId: readProductId(product_id), quantity: readQuantity(quantity, 0) };
    if (line.quantity === 0) return show(await carts.remove(buyerId, line.productId));
    return show(await carts.change({ verb: 'set', buyerId, ...line }));
  });

  app.delete('/cart/', cartSchemas.remove, async (request) => {
    const { userId } = principalOf(request);
    const productId = queryText(request.query, 'product_id');
    if (productId === '') return show(await carts.empty(userId));
    return show(await carts.remove(userId, readProductId(productId)));
  });
}

/** @throws Refusal in the words of the classic API */
export function readProductId(value: unknown): string {
  if (value === undefined || value === null || value === '') {
    throw invalid('product_id is required');
  }
  const id = parseId(value);
  if (id !== undefined) return id;
  throw notFound(`Product ${shown(value)} not found`);
}

/**
 * A whole number as such or as text; 1 when there is none.
 * @throws Refusal naming the bounds
 */
export function readQuantity(value: unknown, least = 1): number {
  const quantity = value === undefined && least === 1 ? 1 : parseNumber(value);
  const { lineQuantity } = limits;
  if (
    quantity === undefined ||
    !Number.isInteger(quantity) ||
    quantity < least ||
    quantity > lineQuantity
  ) {
    throw invalid(`Quantity must be a whole number from ${least} to ${lineQuantity}`);
  }
  return quantity;
}
