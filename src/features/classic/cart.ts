import type { FastifyInstance } from 'fastify';
import { invalid, notFound } from '../../kernel/errors.ts';
import { parseId } from '../../kernel/ids.ts';
import { parseNumber, queryText } from '../../kernel/inputs.ts';
import { limits } from '../../kernel/limits.ts';
import { principalOf } from '../accounts/guards.ts';
import { addToCart, emptyCart, readCart, removeFromCart, setCartLine } from '../cart/cart.ts';
import { shown } from './fields.ts';
import { cartSchemas } from './schema-orders.ts';
import { cartShape, type Shop } from './shapes.ts';

type Fields = Record<string, unknown>;

export function cartRoutes(app: FastifyInstance, { context }: Shop): void {
  const { db, config } = context;
  const show = async (buyerId: number) => cartShape(await readCart(db, buyerId), config.currency);

  app.get('/cart/', cartSchemas.read, async (request) => show(principalOf(request).userId));

  app.post('/cart/', cartSchemas.add, async (request, reply) => {
    const { userId } = principalOf(request);
    const { product_id, quantity } = request.body as Fields;
    const line = { productId: readProductId(product_id), quantity: readQuantity(quantity) };
    await addToCart(db, userId, line);
    return reply.code(201).send(await show(userId));
  });

  app.patch('/cart/', cartSchemas.set, async (request) => {
    const { userId } = principalOf(request);
    const { product_id, quantity } = request.body as Fields;
    const line = { productId: readProductId(product_id), quantity: readQuantity(quantity, 0) };
    await setCartLine(db, userId, line);
    return show(userId);
  });

  app.delete('/cart/', cartSchemas.remove, async (request) => {
    const { userId } = principalOf(request);
    const productId = queryText(request.query, 'product_id');
    if (productId === '') await emptyCart(db, userId);
    else await removeFromCart(db, userId, readProductId(productId));
    return show(userId);
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
