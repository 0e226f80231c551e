import { Type } from 'typebox';
import { ProductShape } from '../catalog/schema.ts';
import { orderStatuses } from '../orders/order-status.ts';
import { readByRoute } from './fields.ts';
import { answers, detailShape, errorShape } from './schema-errors.ts';
import { exampleId, idInQuery, idShape as id, messageShape, pageFields } from './schema-catalog.ts';

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
const newQuantity = Type.Integer({ minimum: 0, maximum: 10_000, examples: [2] });
const refused = {
  400: errorShape(
    'Insufficient stock for product Steel bell',
    'Too few in stock, a quantity that is no whole number from 1 to 10000, no product_id, …',
  ),
};
const unknownProduct = {
  404: errorShape(`Product ${exampleId} not found`, 'There is no such product on offer'),
};

export const cartSchemas = {
  read: cartRoute('The cart', {}, { 200: cart }),
  add: cartRoute(
    'Add to the cart',
    { body: Type.Object({ product_id: id, quantity: Type.Optional(quantity) }, readByRoute) },
    { 201: cart, ...refused, ...unknownProduct },
  ),
  set: cartRoute(
    'Set the quantity of a line; 0 removes it',
    { body: Type.Object({ product_id: id, quantity: newQuantity }, readByRoute) },
    { 200: cart, ...refused, ...unknownProduct },
  ),
  remove: cartRoute(
    'Remove a line, or without product_id all of them',
    { querystring: Type.Object({ product_id: Type.Optional(idInQuery) }) },
    { 200: cart, ...unknownProduct },
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

const pageLink = Type.Union([Type.String(), Type.Null()], {
  examples: [null],
  description: 'the absolute URL of that page',
});
const idempotencyKey = Type.String({
  maxLength: 255,
  description: 'printable characters, new for each order: a UUID, say',
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
      headers: Type.Object({ 'Idempotency-Key': Type.Optional(idempotencyKey) }),
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
        400: errorShape(
          'Insufficient stock for product Steel bell',
          'Too few in stock, nothing to order, a bad quantity or list, or a bad Idempotency-Key',
        ),
        404: errorShape(
          `Product ${exampleId} not found`,
          'There is no such product on offer; or "Customer profile not found": not a buyer',
        ),
        422: errorShape(
          'This Idempotency-Key was used for another request. Use a new key for a new order.',
          'The same key with another body',
        ),
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
        400: errorShape(
          'Cannot change status from pending to delivered',
          'Not the next step, or not a status',
        ),
        404: errorShape('Order not found', 'There is no such order of your products'),
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
          next: pageLink,
          previous: pageLink,
          results: Type.Array(order),
        }),
        404: detailShape('Invalid page.', { description: 'There is no such page' }),
        ...answers(401, 403),
      },
    },
  },
} as const;
