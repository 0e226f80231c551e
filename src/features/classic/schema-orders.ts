import { Type } from 'typebox';
import { ProductShape } from '../catalog/schema.ts';
import { orderStatuses } from '../orders/order-status.ts';
import { readByRoute } from './fields.ts';
import { answers, errorShape } from './schema-errors.ts';
import { exampleId, idShape as id, messageShape, pageFields } from './schema-catalog.ts';

const quantity = Type.Integer({ minimum: 1, maximum: 10_000, default: 1, examples: [2] });
const cart = Type.Object({
  items: Type.Array(
    Type.Object({
      product: ProductShape,
      quantity,
      subtotal: Type.Number({ examples: [39.98] }),
    }),
  ),
  total_items: Type.Integer({ examples: [2] }),
  total_price: Type.Number({ examples: [39.98] }),
});
const cartRoute = (summary: string, more: object, statuses: object) => ({
  config: { access: 'buyer' } as const,
  schema: {
    tags: ['cart'],
    summary,
    ...more,
    response: { ...statuses, ...answers(401, 403) },
  },
});
const refused = { 400: errorShape('Insufficient stock for product Steel bell') };
const unknownProduct = { 404: errorShape(`Product ${exampleId} not found`) };

export const cartSchemas = {
  read: cartRoute('The cart', {}, { 200: cart }),
  add: cartRoute(
    'Add to the cart',
    { body: Type.Object({ product_id: id, quantity: Type.Optional(quantity) }, readByRoute) },
    { 201: cart, ...refused, ...unknownProduct },
  ),
  set: cartRoute(
    'Set the quantity of a line; 0 removes it',
    { body: Type.Object({ product_id: id, quantity }, readByRoute) },
    { 200: cart, ...refused, ...unknownProduct },
  ),
  remove: cartRoute(
    'Remove a line, or without product_id all of them',
    { querystring: Type.Object({ product_id: Type.Optional(id) }) },
    { 200: cart },
  ),
};

const order = Type.Object({
  id,
  status: Type.String({ enum: [...orderStatuses], examples: ['pending'] }),
  total_price: Type.Number({ examples: [39.98] }),
  created_at: Type.String({ format: 'date-time', examples: ['2026-01-31T12:00:00.000Z'] }),
  items: Type.Array(
    Type.Object({
      product: ProductShape,
      quantity,
      price: Type.Number({ examples: [19.99], description: 'of one, when it was ordered' }),
    }),
  ),
});

export const orderSchemas = {
  place: {
    config: {
      access: 'buyer',
      wrongRole: { status: 404, body: { error: 'Customer profile not found' } },
    },
    schema: {
      tags: ['orders'],
      summary: 'Order the cart (no body), or the given products',
      description:
        'All or nothing. One order for each seller. With an Idempotency-Key the same request ' +
        'can be repeated safely: it is carried out once and answered alike.',
      headers: Type.Object({ 'idempotency-key': Type.Optional(Type.String({ maxLength: 255 })) }),
      body: Type.Object(
        {
          products: Type.Optional(
            Type.Array(Type.Object({ product_id: id, quantity: Type.Optional(quantity) })),
          ),
        },
        readByRoute,
      ),
      response: {
        201: Type.Object({
          message: Type.String({ examples: ['Order placed successfully'] }),
          order_id: id,
          order_ids: Type.Array(id),
        }),
        ...refused,
        ...unknownProduct,
        422: errorShape('This Idempotency-Key was used for another request.'),
        ...answers(401),
      },
    },
  },
  status: {
    config: { access: 'seller' },
    schema: {
      tags: ['orders'],
      summary: 'Move an order of your products one step: pending, shipped, delivered',
      body: Type.Object(
        { order_id: id, status: Type.String({ enum: [...orderStatuses], examples: ['shipped'] }) },
        readByRoute,
      ),
      response: {
        200: messageShape('Order status updated to shipped'),
        400: errorShape('Cannot change status from pending to delivered'),
        404: errorShape('Order not found'),
        ...answers(401, 403),
      },
    },
  },
  list: {
    config: { access: 'buyer', notFound: { detail: 'Invalid page.' } },
    schema: {
      tags: ['orders'],
      summary: 'Your orders, newest first',
      querystring: Type.Object(pageFields),
      response: {
        200: Type.Object({
          count: Type.Integer({ examples: [1] }),
          next: Type.Union([Type.String(), Type.Null()], { examples: [null] }),
          previous: Type.Union([Type.String(), Type.Null()], { examples: [null] }),
          results: Type.Array(order),
        }),
        404: Type.Object({ detail: Type.String({ examples: ['Invalid page.'] }) }),
        ...answers(401, 403),
      },
    },
  },
} as const;
