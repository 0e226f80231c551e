import { setTimeout as sleep } from 'node:timers/promises';
import { CART_LINES, fillCart, offerOf, type World } from './growth-cast.ts';
import { type Account, type Client, register } from './growth-client.ts';
import type { Extra } from './growth-fill.ts';
import type { Operation } from './growth-measure.ts';

export const ORDERS = [10, 100, 1_000, 10_000];
export const LINES = [1, 10, CART_LINES];
const REPLAYED = 200;
export const SETTLE_MS = 30; // in which the shop notices that the socket before this one ended

/** A buyer with so many orders, all of the same seller, who heard of each. */
export interface Pair {
  orders: number;
  buyer: Account;
  seller: Account;
  extra: Extra;
}

export async function openPairs(client: Client): Promise<Pair[]> {
  const pairs: Pair[] = [];
  for (const orders of ORDERS) {
    const buyer = await register(client, 'viewer');
    const seller = await register(client, 'creator');
    const { access: token } = seller;
    const body = { name: 'Things of one seller', description: 'All sorts of them' };
    const category = await client.call<{ id: string }>('POST /category/', { token, body });
    const offer = { ...offerOf(orders), category_id: category.id };
    const product = await client.call<{ id: string }>('POST /product/', { token, body: offer });
    const extra = { buyerId: buyer.id, productId: product.id, count: orders };
    pairs.push({ orders, buyer, seller, extra });
  }
  return pairs;
}

/** What depends on how much somebody has ordered or sold. */
export function pairOperations(client: Client, { orders, buyer, seller }: Pair): Operation[] {
  const list = (query: string) => () =>
    client.call(`GET /list-user-order/${query}`, { token: buyer.access });
  const replay = (name: string, after: number, count: number): Operation => ({
    name: `socket, ${name}`,
    before: () => sleep(SETTLE_MS),
    request: () => client.replay(seller.access, { after, count }),
  });
  const middle = Math.ceil(orders / 20);
  return [
    { name: 'list-user-order', request: list('') },
    { name: 'list-user-order, middle page', request: list(`?page=${middle}`), mayGrow: 'deep' },
    { name: 'list-user-order, page=last', request: list('?page=last'), mayGrow: 'deep' },
    replay('the last 10 events', orders - 10, 10),
    ...(orders > REPLAYED * 2
      ? [replay(`${REPLAYED} events from the middle`, (orders - REPLAYED) / 2, REPLAYED)]
      : []),
  ];
}

/** What depends on how much is in a cart. */
export function cartOperations(world: World, lines: number): Operation[] {
  const { client, shopper, productIds } = world;
  const { access: token } = shopper;
  const mayGrow = 'its answer grows';
  const before = (): Promise<void> => fillCart(world, lines);
  const body = { product_id: productIds[0] };
  return [
    { name: 'cart, read', before, request: () => client.call('GET /cart/', { token }), mayGrow },
    {
      name: 'cart, one more of a product',
      before,
      request: () => client.call('POST /cart/', { token, body }),
      mayGrow,
    },
    {
      name: 'place-order, a cart',
      before,
      request: () => client.call('POST /place-order/', { token }),
      mayGrow: 'more to write',
    },
  ];
}
