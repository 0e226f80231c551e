import { Type } from 'typebox';
import { CategoryShape, ProductShape } from '../catalog/schema.ts';
import { limits } from '../../kernel/limits.ts';
import { readByRoute } from './fields.ts';
import { answers, detailShape, errorShape } from './schema-errors.ts';

export const exampleId = '0193a5b2-7c1e-7a44-9d3e-5f1b2c3d4e5f';
export const idShape = Type.String({ format: 'uuid', examples: [exampleId] });
const name = Type.String({ maxLength: 255, examples: ['Steel bell'] });
const description = Type.String({
  maxLength: limits.descriptionCharacters,
  examples: ['A loud bell for city bikes.'],
});
export const messageShape = (example: string) =>
  Type.Object({ message: Type.String({ examples: [example] }) });
const id = idShape;
// Parameters have no examples: the page at /docs would send them as filters.
export const idInQuery = Type.String({ format: 'uuid' });
const idQuery = Type.Object({ id: idInQuery });

const price = (decimals: number) =>
  Type.Number({
    minimum: 0,
    maximum: 9_999_999_999.99,
    decimals,
    examples: [19.99],
    description: `major units, at most ${decimals} decimals`,
  });
const stock = Type.Integer({ minimum: 0, maximum: 2_147_483_647, examples: [40] });
/** The query parameters of every list with pages. */
export const pageFields = {
  page: Type.Optional(Type.String({ description: 'a number from 1, or "last"' })),
  page_size: Type.Optional(Type.Integer({ minimum: 1, maximum: 100, default: 10 })),
};

const notYours = (thing: string) => `There is no such ${thing} of yours`;

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
      response: {
        200: CategoryShape,
        404: detailShape('Category not found.', { description: notYours('category') }),
        ...answers(400, 401, 403),
      },
    },
  },
  list: {
    schema: {
      tags: ['catalog'],
      summary: 'All categories, oldest first',
      response: { 200: Type.Array(CategoryShape), ...answers(304, 401) },
    },
  },
  remove: {
    config: { access: 'seller' },
    schema: {
      tags: ['catalog'],
      summary: 'Delete a category of your own, and its products',
      querystring: idQuery,
      response: {
        200: messageShape('Category deleted successfully.'),
        400: errorShape('Category ID is required.', 'There is no id in the query'),
        404: errorShape('Category not found or access denied.', notYours('category')),
        409: errorShape(
          'Category holds products of other sellers and cannot be deleted.',
          'Other sellers have products in it',
        ),
        ...answers(401, 403),
      },
    },
  },
} as const;

/** Of the routes that read and remove products. */
export const listSchemas = {
  list: {
    config: { notFound: { detail: 'Invalid page.' } },
    schema: {
      tags: ['catalog'],
      summary: 'Products, ten a page; a filter that cannot be read is ignored',
      querystring: Type.Object({
        ...pageFields,
        category: Type.Optional(
          Type.String({ format: 'uuid', description: 'the id of a category' }),
        ),
        price_min: Type.Optional(Type.Number({ description: 'major units, inclusive' })),
        price_max: Type.Optional(Type.Number({ description: 'major units, inclusive' })),
        in_stock: Type.Optional(Type.Boolean()),
        search: Type.Optional(Type.String({ description: 'a part of the name or description' })),
        ordering: Type.Optional(
          Type.String({
            enum: ['price', '-price', 'name', '-name', 'created_at', '-created_at'],
            description: 'without it the oldest come first',
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
        404: detailShape('Invalid page.', { description: 'There is no such page' }),
        ...answers(304, 401),
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
        200: messageShape('Product deleted successfully.'),
        400: errorShape('Product ID is required.', 'There is no id in the query'),
        404: errorShape('Product not found or access denied.', notYours('product')),
        ...answers(401, 403),
      },
    },
  },
} as const;

/** Of the routes that write products. @param decimals how many the shop's currency has */
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
          404: errorShape('Product not found or unauthorized', notYours('product')),
          ...answers(400, 401, 403),
        },
      },
    },
  } as const;
};
