import type { Json } from '../../test/harness.ts';
import { obtain, type Person } from '../people.ts';
import { type Lines, nameOf } from './cart-model.ts';
import type { Attempt } from './checkout.ts';
import { groupBy } from './groups.ts';
import { isCounted } from './things.ts';
import type { World } from './world.ts';

/** An order as its buyer reads it when all is over. */
export interface Order {
  id: string;
  buyerId: number;
  sellerId: number;
  status: string;
  total_price: number;
  created_at: string;
  items: { product: { id: string }; quantity: number; price: number }[];
}

export async function readOrders(world: World, person: Person): Promise<Order[]> {
  const url = world.random.pick(world.town.nodes).url;
  const orders: Order[] = [];
  for (let page = 1; ; page += 1) {
    const route = `GET /list-user-order/?page_size=100&page=${page}`;
    const body: Json = await obtain(world.client, url, {
      route,
      status: 200,
      token: person.access,
    });
    for (const order of body.results as Order[]) {
      const sellerId = world.things.get(order.items[0]?.product.id ?? '')?.sellerId ?? 0;
      orders.push({ ...order, buyerId: person.id, sellerId });
    }
    if (body.next === null) return orders;
  }
}

/**
 * Every order that was acknowledged is there as it was asked for (I3), at prices of its time (I6);
 * every other one stems from a request without an answer, and each of these made all of its orders
 * or none, once (I4, I11).
 */
export function checkOrders(
  world: World,
  { person, attempts }: { person: Person; attempts: Attempt[] },
  orders: Order[],
): void {
  const left = new Map(orders.map((order) => [order.id, order]));
  const take = (attempt: Attempt, made: Order[]): void => {
    for (const { id } of made) left.delete(id);
    checkPrices(world, attempt, made);
  };
  for (const attempt of attempts) {
    const { orderIds, candidates, requestIds } = attempt;
    if (orderIds === undefined) continue;
    const made = orderIds.flatMap((id) => left.get(id) ?? []);
    if (made.length !== orderIds.length) {
      const text = `of ${orderIds.join(', ')} only ${made.length} orders are there, or are twice`;
      world.history.violate('I3', `buyer ${person.id}: ${text}`, requestIds);
    } else if (!candidates.some((lines) => nameOf(lines) === nameOf(linesOf(made)))) {
      const text = `ordered ${candidates.map(nameOf).join(' or ')}, got ${nameOf(linesOf(made))}`;
      world.history.violate('I4', `buyer ${person.id}: ${text}`, requestIds);
    }
    take(attempt, made);
  }
  // Those for the most sellers first: what is a part of theirs may look like all of another's.
  const unanswered = attempts.filter(({ orderIds }) => orderIds === undefined);
  for (const attempt of unanswered.toSorted((a, b) => sellersOf(world, b) - sellersOf(world, a))) {
    const made = findUnanswered(world, attempt, [...left.values()]);
    if (made) take(attempt, made);
  }
  for (const { id } of left.values()) {
    world.history.violate('I4', `buyer ${person.id}: nobody asked for the order ${id}`);
  }
}

/** The orders that a request without an answer made, one for each seller; undefined for none. */
function findUnanswered(world: World, attempt: Attempt, all: Order[]): Order[] | undefined {
  const { sentAt, endedAt } = attempt;
  const until = world.weather.settlesAt(sentAt, endedAt);
  const orders = all.filter(({ created_at }) => {
    const madeAt = Date.parse(created_at) - performance.timeOrigin;
    return madeAt >= sentAt - clocksMs && madeAt <= until + clocksMs;
  });
  for (const lines of attempt.candidates) {
    const parts = partsOf(world, lines);
    const made = [...parts.values()].map((part) =>
      orders.find((order) => nameOf(linesOf([order])) === nameOf(new Map(part))),
    );
    const found = made.filter((order) => order !== undefined);
    if (found.length === parts.size) return found;
  }
  return undefined;
}

const clocksMs = 50; // times are cut to the millisecond, and clocks are set now and then

const partsOf = (world: World, lines: Lines) =>
  groupBy(lines, ([id]) => world.things.get(id)?.sellerId ?? 0);

const sellersOf = (world: World, { candidates: [lines] }: Attempt): number =>
  lines ? partsOf(world, lines).size : 0;

function linesOf(orders: Order[]): Lines {
  const items = orders.flatMap((order) => order.items);
  return new Map(items.map(({ product, quantity }) => [product.id, quantity]));
}

function checkPrices(world: World, attempt: Attempt, orders: Order[]): void {
  const { sentAt, endedAt, orderIds, requestIds } = attempt;
  const until = orderIds ? endedAt : world.weather.settlesAt(sentAt, endedAt);
  for (const { id, items, total_price } of orders) {
    const cents = items.reduce((sum, one) => sum + Math.round(one.price * 100) * one.quantity, 0);
    if (cents !== Math.round(total_price * 100)) {
      world.history.violate(
        'I6',
        `${id} costs ${total_price}, its lines ${cents / 100}`,
        requestIds,
      );
    }
    for (const { product, price } of items) {
      const possible = world.things.get(product.id)?.price.during(sentAt, until) ?? [];
      if (!possible.includes(price)) {
        const text = `${id}: ${product.id} for ${price}, then ${possible.join(' or ')}`;
        world.history.violate('I6', text, requestIds);
      }
    }
  }
}

/** What is left of each product that nobody edited = what there was − what was ordered (I2). */
export async function checkStock(world: World, orders: Order[], token: string): Promise<void> {
  const sold = new Map<string, number>();
  for (const { product, quantity } of orders.flatMap(({ items }) => items)) {
    sold.set(product.id, (sold.get(product.id) ?? 0) + quantity);
  }
  for (const thing of [...world.things.values()].filter(isCounted)) {
    const { url } = world.random.pick(world.town.nodes);
    const route = `GET /list-product/?search=${encodeURIComponent(thing.name)}&page_size=100`;
    const body: Json = await obtain(world.client, url, { route, status: 200, token });
    const found = (body.results as Json[]).find(({ id }) => id === thing.id);
    const left = thing.stock - (sold.get(thing.id) ?? 0);
    if (found?.stock !== left) {
      world.history.violate('I2', `${thing.name}: stock ${found?.stock}, should be ${left}`);
    }
  }
}
