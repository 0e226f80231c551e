import type { Person } from '../people.ts';
import type { Random } from '../random.ts';
import type { Listener } from './listener.ts';
import { show, type Told, type World } from './world.ts';

const steps = ['shipped', 'delivered'] as const;

/** How far a seller's orders have certainly got. */
export class Steps {
  /** order id → the steps that were acknowledged */
  readonly taken = new Map<string, (typeof steps)[number][]>();
  readonly #world: World;
  readonly #person: Person;
  readonly #listener: Listener;
  readonly #random: Random;
  #seen = 0;
  #open: string[] = [];

  constructor(world: World, person: Person, listener: Listener) {
    this.#world = world;
    this.#person = person;
    this.#listener = listener;
    this.#random = world.random.fork(`steps ${person.id}`);
  }

  /** Moves one of the orders that the seller has heard of: next, again, too far, or another's. */
  async one(): Promise<void> {
    for (const event of this.#listener.heard.slice(this.#seen)) {
      if (event.type === 'order.placed') this.#open.push(event.order_id);
    }
    this.#seen = this.#listener.heard.length;
    this.#open = this.#open.slice(-1_000);
    if (this.#open.length === 0) return;
    const orderId = this.#random.pick(this.#open);
    const before = this.taken.get(orderId) ?? [];
    const next = steps[before.length];
    const dice = this.#random.below(10);
    if (dice === 0) await this.#foreign(orderId);
    else if (dice === 1) await this.#leap(orderId, before.length);
    else if (next) await this.#take(orderId, next);
    else this.#open = this.#open.filter((id) => id !== orderId);
  }

  /** Too far, or back: refused, whatever the order's status is known to be. */
  async #leap(orderId: string, taken: number): Promise<void> {
    const status = taken === 0 ? 'delivered' : 'pending';
    if (status === 'delivered' && this.#mayBe.has(orderId)) return; // it may be shipped by now
    const told = await this.#ask(this.#person, orderId, status);
    if (told.status !== 200) return;
    const text = `${orderId} went to ${status} after ${taken} steps`;
    this.#world.history.violate('I5', text, [told.requestId]);
  }

  /** Of several at once one wins. */
  async #take(orderId: string, status: (typeof steps)[number]): Promise<void> {
    const count = this.#random.chance(0.3) ? 3 : 1;
    const calls = Array.from({ length: count }, () => this.#ask(this.#person, orderId, status));
    const all = await Promise.all(calls);
    const won = all.filter((told) => told.status === 200);
    const ids = all.map(({ requestId }) => requestId);
    if (won.length > 1) {
      this.#world.history.violate('I5', `${won.length} steps of ${orderId} to ${status}`, ids);
    }
    const refused = all.filter((told) => told.status === 400);
    const isAlready = refused.some(({ body }) => body?.error === 'Order already in this status');
    const isUnknown = all.some(({ certainty }) => certainty === 'maybe');
    if (won.length > 0 || isAlready) this.#note(orderId, status);
    if (won.length === 0 && isAlready && !isUnknown && !this.#mayBe.has(orderId)) {
      this.#world.history.violate('I5', `${orderId} was ${status} before it was asked for`, ids);
    }
    if (refused.length > 0 && !isAlready) {
      this.#world.history.violate('I5', `${orderId}: ${show(refused[0]?.body)}`, ids);
    }
    if (isUnknown) this.#mayBe.add(orderId);
  }

  readonly #mayBe = new Set<string>(); // a step of these had no answer

  #note(orderId: string, status: (typeof steps)[number]): void {
    this.taken.set(orderId, [...(this.taken.get(orderId) ?? []), status]);
  }

  async #foreign(orderId: string): Promise<void> {
    const others = this.#world.sellers.filter(({ id }) => id !== this.#person.id);
    const status = this.#random.pick(steps);
    if (others.length > 0) await this.#ask(this.#random.pick(others), orderId, status);
  }

  #ask(by: Person, order_id: string, status: string): Promise<Told> {
    const isOwn = by.id === this.#person.id;
    return this.#world.ask(`seller ${by.id}`, {
      what: isOwn ? 'update-order-status' : "update another's order",
      node: this.#random.below(this.#world.town.nodes.length),
      token: by.access,
      route: 'PATCH /update-order-status/',
      body: { order_id, status },
      expect: isOwn ? [200, 400] : [404],
    });
  }
}
