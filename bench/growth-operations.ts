import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { fillCart, offerOf, type World } from './growth-cast.ts';
import { register } from './growth-client.ts';
import { LARGE_CATEGORY, RARE_WORD } from './growth-fill.ts';
import type { Operation } from './growth-measure.ts';
import { SETTLE_MS } from './growth-own.ts';

/** Every list and every write of the shop, as the shop grows. */
export function operationsOf(world: World): Operation[] {
  return [
    ...productLists(world),
    ...otherReads(world),
    ...catalogWrites(world),
    ...orderWrites(world),
    ...accountWrites(world),
  ];
}

const deep = 'a deep page';

function productLists({ client, buyer, seller, productIds, categoryId, size }: World): Operation[] {
  const { access: token } = buyer;
  const read = (query: string) => client.call(`GET /list-product/${query}`, { token });
  // Whatever is edited, every list must be read anew.
  const before = (index: number) =>
    client.call('PATCH /product/', {
      token: seller.access,
      body: { id: productIds[0], name: `Edited ${index} times`, price: 10 + (index % 50) },
    });
  const anew = (name: string, query: string, mayGrow?: string): Operation => ({
    name: `list-product ${name}`,
    before,
    request: () => read(query),
    ...(mayGrow && { mayGrow }),
  });
  const middle = Math.ceil(size.products / 20);
  return [
    { name: 'list-product, cached', request: () => read('') },
    anew('after an edit', ''),
    anew('of a large category', `?category=${LARGE_CATEGORY}`),
    anew('of a small category', `?category=${categoryId}`),
    anew('between two prices', '?price_min=100&price_max=200'),
    anew('by price', '?ordering=price'),
    anew('by price, falling', '?ordering=-price'),
    anew('by name', '?ordering=name'),
    anew('newest first', '?ordering=-created_at'),
    anew('in stock', '?in_stock=true'),
    anew('in stock, of a large category', `?category=${LARGE_CATEGORY}&in_stock=true`),
    anew('sold out', '?in_stock=false'),
    anew('search, rare', `?search=${RARE_WORD}`),
    anew('search, common', '?search=kettle'),
    anew('page=last', '?page=last', deep),
    anew('the middle page', `?page=${middle}`, deep),
    ...['created_at', '-price'].map((ordering) => ({
      name: `list-product the page after the middle one, by ${ordering}`,
      before: async (index: number) => {
        await before(index);
        await read(`?page=${middle}&ordering=${ordering}`);
      },
      request: () => read(`?page=${middle + 1}&ordering=${ordering}`),
    })),
  ];
}

function otherReads(world: World): Operation[] {
  const { client, buyer, regular, shopper, productIds } = world;
  const cart = (lines: number) => () => fillCart(world, lines);
  return [
    {
      name: 'list-category',
      request: () => client.call('GET /list-category/', { token: buyer.access }),
    },
    {
      name: 'list-user-order, 10 orders',
      request: () => client.call('GET /list-user-order/', { token: regular.access }),
    },
    {
      name: 'cart, read',
      before: cart(3),
      request: () => client.call('GET /cart/', { token: shopper.access }),
    },
    {
      name: 'cart, add a line',
      before: cart(2),
      request: () =>
        client.call('POST /cart/', { token: shopper.access, body: { product_id: productIds[5] } }),
    },
    {
      name: 'socket, the last 10 events',
      before: () => sleep(SETTLE_MS),
      request: () => client.replay(regular.access, { after: 0, count: 10 }),
    },
  ];
}

function catalogWrites({ client, seller, categoryId, productIds }: World): Operation[] {
  const { access: token } = seller;
  let last = '';
  const create = async (index: number): Promise<void> => {
    const body = { ...offerOf(index), category_id: categoryId };
    last = (await client.call<{ id: string }>('POST /product/', { token, body })).id;
  };
  const change = (fields: object) => client.call('PATCH /product/', { token, body: fields });
  return [
    { name: 'product, create', request: create },
    {
      name: 'product, edit',
      request: (index) => change({ id: productIds[2], price: 20 + index }),
    },
    {
      name: 'product, set stock',
      request: (index) => change({ id: productIds[3], stock: (index % 2) * 1_000_000_000 }),
    },
    {
      name: 'product, delete',
      before: create,
      request: () => client.call(`DELETE /delete-product/?id=${last}`, { token }),
    },
  ];
}

function orderWrites(world: World): Operation[] {
  const { client, seller, buyer, shopper, productIds } = world;
  const products = [{ product_id: productIds[1], quantity: 1 }];
  let last = '';
  const place = async (headers: Record<string, string> = {}): Promise<void> => {
    const order = { token: buyer.access, body: { products }, headers };
    last = (await client.call<{ order_id: string }>('POST /place-order/', order)).order_id;
  };
  return [
    { name: 'place-order, one line', request: () => place() },
    {
      name: 'place-order, with a key',
      request: () => place({ 'idempotency-key': randomBytes(12).toString('hex') }),
    },
    {
      name: 'place-order, a cart of 3',
      before: () => fillCart(world, 3),
      request: () => client.call('POST /place-order/', { token: shopper.access }),
    },
    {
      name: 'update-order-status',
      before: () => place(),
      request: () => {
        const body = { order_id: last, status: 'shipped' };
        return client.call('PATCH /update-order-status/', { token: seller.access, body });
      },
    },
  ];
}

function accountWrites({ client, regular }: World): Operation[] {
  const { email, password, refresh } = regular;
  return [
    { name: 'register', request: () => register(client, 'viewer') },
    {
      name: 'login',
      request: () => client.call('POST /auth/login/', { body: { email, password } }),
    },
    {
      name: 'refresh a token',
      request: () => client.call('POST /auth/get-access-token/', { body: { refresh } }),
    },
  ];
}
