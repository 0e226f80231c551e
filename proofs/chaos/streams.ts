import type { Person } from '../people.ts';
import type { Buyer } from './buyer.ts';
import { groupBy } from './groups.ts';
import { type Heard, type Listener, replay } from './listener.ts';
import type { Order } from './orders.ts';
import type { Seller } from './seller.ts';
import type { Steps } from './steps.ts';
import { show, type World } from './world.ts';

/**
 * Every order and every step of one is in the streams of its people, once (I5, I7), and what they
 * heard over their sockets is the whole of it.
 */
export async function checkStreams(
  world: World,
  { buyers, sellers, orders }: { buyers: Buyer[]; sellers: Seller[]; orders: Order[] },
): Promise<number> {
  const ofBuyer = groupBy(orders, ({ buyerId }) => buyerId);
  const ofSeller = groupBy(orders, ({ sellerId }) => sellerId);
  let events = 0;
  for (const { person, listener } of buyers) {
    const own = ofBuyer.get(person.id) ?? [];
    const stream = await wholeStream(world, person, listener);
    checkEvents(world, person, { stream, expected: own.flatMap(eventsOf) });
    events += stream.length;
  }
  for (const { person, listener, steps } of sellers) {
    const own = ofSeller.get(person.id) ?? [];
    const stream = await wholeStream(world, person, listener);
    const expected = own.map(({ id }) => `${id} order.placed pending`);
    checkEvents(world, person, { stream, expected });
    checkSteps(world, steps.taken, own);
    events += stream.length;
  }
  return events;
}

const stepsTo: Record<string, string[]> = {
  pending: [],
  shipped: ['shipped'],
  delivered: ['shipped', 'delivered'],
};

const eventsOf = ({ id, status }: Order): string[] => [
  `${id} order.placed pending`,
  ...(stepsTo[status] ?? []).map((step) => `${id} order.status_updated ${step}`),
];

async function wholeStream(world: World, person: Person, listener: Listener): Promise<Heard[]> {
  const { url } = world.random.pick(world.town.nodes);
  const stream = await replay(url, person.access, listener.last);
  const violate = (text: string): void => world.history.violate('I7', `user ${person.id}: ${text}`);
  for (const [index, event] of stream.entries()) {
    if (event.offset !== index + 1) violate(`offset ${event.offset} at place ${index + 1}`);
    const heard = listener.heard[index];
    if (heard && JSON.stringify(heard) !== JSON.stringify(event)) {
      violate(`heard ${show(heard)}, is ${show(event)}`);
    }
  }
  if (listener.last !== stream.length) {
    violate(`heard ${listener.last} of ${stream.length} events`);
  }
  return stream;
}

/** The same events, each order's in the order of its steps. */
function checkEvents(
  world: World,
  person: Person,
  { stream, expected }: { stream: Heard[]; expected: string[] },
): void {
  const told = stream.map(({ order_id, type, status }) => `${order_id} ${type} ${status}`);
  const byOrder = (names: string[]): string[] =>
    [...groupBy(names, (name) => name.slice(0, 36)).values()].map(String).toSorted();
  const [is, shouldBe] = [byOrder(told), byOrder(expected)];
  const [has, needs] = [new Set(is), new Set(shouldBe)];
  const wrong = [
    ...is.filter((one) => !needs.has(one)),
    ...shouldBe.filter((one) => !has.has(one)),
  ];
  if (wrong.length > 0 || is.length !== shouldBe.length) {
    const some = wrong.slice(0, 3).join('; ');
    world.history.violate('I7', `user ${person.id}: events ${some} (${wrong.length} in all)`);
  }
}

/** A step that was acknowledged has been taken. */
function checkSteps(world: World, taken: Steps['taken'], orders: Order[]): void {
  const statuses = new Map(orders.map(({ id, status }) => [id, status]));
  for (const [id, steps] of taken) {
    const status = statuses.get(id);
    if (status !== undefined && steps.every((step) => stepsTo[status]?.includes(step))) continue;
    world.history.violate('I5', `${id} is ${status}, acknowledged were ${steps.join(', ')}`);
  }
}
