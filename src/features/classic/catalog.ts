import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Static } from 'typebox';
import { invalid, notFound } from '../../kernel/errors.ts';
import { parseId } from '../../kernel/ids.ts';
import { queryText } from '../../kernel/inputs.ts';
import { toMinor } from '../../kernel/money.ts';
import { principalOf } from '../accounts/guards.ts';
import { archiveCategory, createCategory, updateCategory } from '../catalog/categories.ts';
import { UnknownCategory } from '../catalog/products.ts';
import { changeOffer, offerProduct, withdrawProduct } from '../inventory/offers.ts';
import { bodyReader, refuseFaults } from './fields.ts';
import { parseFilters, parsePage } from './queries.ts';
import { categorySchemas, listSchemas, productSchemas } from './schema-catalog.ts';
import { actorOf, categoryShape, productShape, type Shop } from './shapes.ts';

type Query = Record<string, unknown>;

/** The `id` of the query; only there, as it always was. */
function queryId(request: FastifyRequest, missing: string): string | undefined {
  const id = queryText(request.query, 'id');
  if (id === '') throw invalid(missing);
  return parseId(id);
}

export function categoryRoutes(plain: FastifyInstance, { context, lists, ready }: Shop): void {
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();
  const { update } = categorySchemas;
  const readChanges = bodyReader(categorySchemas.changes);

  app.post('/category/', categorySchemas.create, async (request, reply) => {
    const category = await createCategory(context, principalOf(request).userId, request.body);
    return reply.code(201).send(categoryShape(category));
  });

  app.patch('/category/', update, async (request) => {
    const id = parseId(request.body.category_id);
    if (id === undefined) throw notFound('Category not found.');
    const changes = readChanges(request.body) as Static<typeof categorySchemas.changes>;
    const actor = actorOf(principalOf(request));
    return categoryShape(await updateCategory(context, actor, { id, ...changes }));
  });

  plain.get('/list-category/', categorySchemas.list, (request, reply) =>
    ready.send(request, reply, async () => {
      const { categories, stamp } = await lists.categories();
      return { json: JSON.stringify(categories.map(categoryShape)), stamp };
    }),
  );

  app.delete('/delete-category/', categorySchemas.remove, async (request) => {
    const id = queryId(request, 'Category ID is required.');
    if (id === undefined) throw notFound('Category not found or access denied.');
    await archiveCategory(context, actorOf(principalOf(request)), id);
    return { message: 'Category deleted successfully.' };
  });
}

export function productRoutes(plain: FastifyInstance, shop: Shop): void {
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();
  const { context, lists, ready } = shop;
  const { currency } = context.config;
  const schemas = productSchemas(currency.decimals);
  const readChanges = bodyReader(schemas.changes);

  app.post('/product/', schemas.create, async (request, reply) => {
    const { price, category_id: categoryId, ...fields } = request.body;
    const offer = { ...fields, categoryId, priceMinor: toMinor(price, currency) };
    const { userId } = principalOf(request);
    const product = await offerProduct(context, userId, offer).catch(refuseUnknownCategory);
    return reply.code(201).send(productShape(product, currency));
  });

  app.patch('/product/', schemas.update, async (request) => {
    const id = parseId(request.body.id);
    if (id === undefined) throw notFound('Product not found or unauthorized');
    const {
      price,
      category_id: categoryId,
      ...fields
    } = readChanges(request.body) as Static<typeof schemas.changes>;
    const priceMinor = price === undefined ? undefined : toMinor(price, currency);
    const change = { id, ...fields, categoryId, priceMinor };
    const actor = actorOf(principalOf(request));
    const product = await changeOffer(context, actor, change).catch(refuseUnknownCategory);
    return productShape(product, currency);
  });

  // Without the type provider: the answer is text, not the object that the schema describes.
  plain.get('/list-product/', listSchemas.list, async (request, reply) => {
    const query = request.query as Query;
    const { page } = parsePage(query);
    if (page === undefined) throw notFound('Invalid page.');
    const filters = parseFilters(query, 10 ** currency.decimals);
    return ready.send(request, reply, async () => {
      const { total, totalPages, ...list } = await lists.list({ page, ...filters });
      const json =
        `{"total_pages":${totalPages},"current_page":${list.page},"total_products":${total},` +
        `"results":[${list.products.join(',')}]}`;
      return { json, stamp: list.stamp };
    });
  });

  app.delete('/delete-product/', listSchemas.remove, async (request) => {
    const id = queryId(request, 'Product ID is required.');
    if (id === undefined) throw notFound('Product not found or access denied.');
    await withdrawProduct(context, actorOf(principalOf(request)), id);
    return { message: 'Product deleted successfully.' };
  });
}

function refuseUnknownCategory(error: unknown): never {
  if (error instanceof UnknownCategory) {
    refuseFaults({ category_id: [`Invalid pk "${error.message}" - object does not exist.`] });
  }
  throw error;
}
