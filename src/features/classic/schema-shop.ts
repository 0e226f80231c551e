import { Type } from 'typebox';
import { CategoryShape, ProductShape } from '../catalog/schema.ts';
import { orderStatuses } from '../orders/order-status.ts';
import { readByRoute } from './fields.ts';
import { answers, errorShape } from './schema-errors.ts';

const exampleId = '0193a5b2-7c1e-7a44-9d3e-5f1b2c3d4e5f';
const id = Type.String({ format: 'uuid', examples: [exampleId] });
const name = Type.String({ maxLength: 255, examples: ['Steel bell'] });
const description = Type.String({ examples: ['A loud bell for city bikes.'] });
const message = (example: string) => Type.Object({ message: Type.String({ examples: [example] }) });
const idQuery = Type.Object({ id });

const price = (decimals: number) =>
  Type.Number({
    minimum: 0,
    maximum: 9_999_999_999.99,
    decimals,
    examples: [19.99],
    description: 'major units',
  });
const stock = Type.Integer({ minimum: 0, maximum: 2_147_483_647, examples: [40] });
const page = Type.Optional(Type.String({ examples: ['1'], description: 'a number, or "last"' }));
const pageSize = Type.Optional(Type.Integer({ minimum: 1, maximum: 100, default: 10 }));

export const categorySchemas = {
  changes: Type.Object({ name: Type.Optional(name), description: Type.Optional(description) }),
  create: {
    config: { access: 'seller' },
    schema: {
      tags: ['catalog'],
      summary: 'Create a category',
      body: Type.Object({ name, description }),
      response: { 201: CategoryShape, ...answers(400, 401, 403) },
    },
  },
  update: {
    config: { access: 'seller', notFound: { detail: 'Category not found.' } },
    schema: {
      tags: ['catalog'],
      summary: 'Change a category of your own',
      body: Type.Object(
        { category_id: id, name: Type.Optional(name), description: Type.Optional(description) },
        readByRoute,
      ),
      response: { 200: CategoryShape, ...answers(400, 401, 403) },
    },
  },
  list: {
    schema: {
      tags: ['catalog'],
      summary: 'All categories, oldest first',
      response: { 200: Type.Array(CategoryShape), ...answers(401) },
    },
  },
  remove: {
    config: { access: 'seller' },
    schema: {
      tags: ['catalog'],
      summary: 'Delete a category of your own, and its products',
      querystring: idQuery,
      response: {
        200: message('Category deleted successfully.'),
        404: errorShape('Category not found or access denied.'),
        409: errorShape('Category holds products of other sellers and cannot be deleted.'),
        ...answers(400, 401, 403),
      },
    },
  },
} as const;

/** @param decimals how many the shop's currency has */
export const productSchemas = (decimals: number) => {
  const fields = { name, description, price: price(decimals), stock, category_id: id };
  return {
    changes: Type.Object({
      name: Type.Optional(name),
      description: Type.Optional(description),
      price: Type.Optional(price(decimals)),
      stock: Type.Optional(stock),
      category_id: Type.Optional(id),
    }),
    create: {
      config: { access: 'seller' },
      schema: {
        tags: ['catalog'],
        summary: 'Offer a product',
        body: Type.Object(fields),
        response: { 201: ProductShape, ...answers(400, 401, 403) },
      },
    },
    update: {
      config: { access: 'seller' },
      schema: {
        tags: ['catalog'],
        summary: 'Change a product of your own',
        body: Type.Object({ id, ...Type.Partial(Type.Object(fields)).properties }, readByRoute),
        response: {
          200: ProductShape,
          404: errorShape('Product not found or unauthorized'),
          ...answers(400, 401, 403),
        },
      },
    },
    list: {
      config: { notFound: { detail: 'Invalid page.' } },
      schema: {
        tags: ['catalog'],
        summary: 'Products, ten a page; a filter that cannot be read is ignored',
        querystring: Type.Object({
          page,
          page_size: pageSize,
          category: Type.Optional(id),
          price_min: Type.Optional(Type.Number({ examples: [5] })),
          price_max: Type.Optional(Type.Number({ examples: [50] })),
          in_stock: Type.Optional(Type.Boolean()),
          search: Type.Optional(Type.String({ examples: ['bell'] })),
          ordering: Type.Optional(
            Type.String({
              enum: ['price', '-price', 'name', '-name', 'created_at', '-created_at'],
            }),
          ),
        }),
        response: {
          200: Type.Object({
            total_pages: Type.Integer({ examples: [23] }),
            current_page: Type.Integer({ examples: [1] }),
            total_products: Type.Integer({ examples: [230] }),
            results: Type.Array(ProductShape),
          }),
          404: Type.Object({ detail: Type.String({ examples: ['Invalid page.'] }) }),
          ...answers(401),
        },
      },
    },
    remove: {
      config: { access: 'seller' },
      schema: {
        tags: ['catalog'],
        summary: 'Delete a product of your own; past orders keep it',
        querystring: idQuery,
        response: {
          200: message('Product deleted successfully.'),
          404: errorShape('Product not found or access denied.'),
          ...answers(400, 401, 403),
        },
      },
    },
  } as const;
};

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
        200: message('Order status updated to shipped'),
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
      querystring: Type.Object({ page, page_size: pageSize }),
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
