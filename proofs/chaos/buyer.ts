import { setTimeout as sleep } from 'node:timers/promises';
import type { Ask } from '../client.ts';
import type { Person } from '../people.ts';
import type { Random } from '../random.ts';
import { Basket, linesOfCart } from './basket.ts';
import type { CartChange, Lines } from './cart-model.ts';
import { type Attempt, attemptTo, noteSold, orderUnderKey } from './checkout.ts';
import { checkProducts } from './lists.ts';
import { Listener } from './listener.ts';
import { type AskToOrder, repeatKey } from './keys.ts';
import { logOutAndIn, refresh } from './session.ts';
import { show, type Told, type World } from './world.ts';

const thinkMs = 60; // between two actions, on average

/** Somebody who browses, fills a cart and orders, and checks every answer. */
export class Buyer {
  readonly person: Person;
  readonly attempts: Attempt[] = [];
  readonly listener: Listener;
  readonly #world: World;
  readonly #random: Random;
  readonly #basket: Basket;
  readonly #running: Promise<void>;
  #count = 0;

  constructor(world: World, person: Person) {
    this.#world = world;
    this.person = person;
    this.#random = world.random.fork(`buyer ${person.id}`);
    this.#basket = new Basket(world, `buyer ${person.id}`);
    this.listener = new Listener(world, person);
    this.#running = world.watch(this.#live());
  }

  /** Resolves when it has come to an end. */
  get done(): Promise<void> {
    return this.#running;
  }

  readonly #actions: [weight: number, act: () => Promise<void>][] = [
    [16, () => this.#browse()],
    [6, () => this.#readOrders()],
    [6, () => this.#readCart()],
    [14, () => this.#change('POST')],
    [5, () => this.#change('PATCH')],
    [3, () => this.#change('DELETE')],
    [3, () => this.#addInParallel()],
    [2, () => this.#changeInVain()],
    [10, () => this.#orderCart()],
    [18, () => this.#orderLines()],
    [4, () => this.#orderWithoutKey()],
    [2, () => this.#reuseKey()],
    [3, () => this.#repeatKey()],
    [2, () => this.#orderWhatIsGone()],
    [1, () => logOutAndIn(this.#world, this.person, this.listener)],
    [1, () => refresh(this.#world, this.person)],
  ];

  async #live(): Promise<void> {
    const total = this.#actions.reduce((sum, [weight]) => sum + weight, 0);
    while (!this.#world.isOver) {
      let ticket = this.#random.below(total);
      const chosen = this.#actions.find(([weight]) => (ticket -= weight) < 0);
      await chosen?.[1]();
      await sleep(this.#random.below(2 * thinkMs));
    }
  }

  #ask(what: string, ask: Ask & { route: string; expect: number[] }): Promise<Told> {
    const node = this.#node();
    const token = this.person.access;
    return this.#world.ask(`buyer ${this.person.id}`, { what, node, token, ...ask });
  }

  #node = (): number => this.#random.below(this.#world.town.nodes.length);

  #violate(rule: string, text: string, ...told: { requestId: string }[]): void {
    const ids = told.map(({ requestId }) => requestId);
    this.#world.history.violate(rule, `buyer ${this.person.id}: ${text}`, ids);
  }

  async #browse(): Promise<void> {
    const queries = ['', '?page=2', '?ordering=-price', '?in_stock=true&page_size=50', '?search=S'];
    const query = this.#random.pick(queries);
    const route = `GET /list-product/${query}`;
    const told = await this.#ask('list-product', { route, expect: [200] });
    if (told.status === 200) checkProducts(this.#world, told);
  }

  /** Every order that was acknowledged before must be counted, the last one shown (I3). */
  async #readOrders(): Promise<void> {
    const acknowledged = this.attempts.flatMap(({ orderIds = [] }) => orderIds);
    const route = 'GET /list-user-order/?page_size=100';
    const told = await this.#ask('list-user-order', { route, expect: [200] });
    if (told.status !== 200) return;
    const { count, results } = told.body;
    const last = acknowledged.at(-1);
    const isShown = (results as { id: string }[]).some(({ id }) => id === last);
    if (count < acknowledged.length || (last !== undefined && !isShown)) {
      this.#violate('I3', `${acknowledged.length} orders, last ${last}; seen ${count}`, told);
    }
  }

  async #readCart(): Promise<void> {
    await this.#basket.settle();
    const told = await this.#ask('read cart', { route: 'GET /cart/', expect: [200] });
    if (told.status === 200) this.#basket.see(told, linesOfCart(told));
  }

  async #change(method: 'POST' | 'PATCH' | 'DELETE'): Promise<void> {
    await this.#basket.settle();
    const { id: product_id } = this.#random.pick(this.#world.on('steady', 'edited'));
    const quantity = this.#random.below(3) + (method === 'POST' ? 1 : 0);
    const empties = method === 'DELETE' && this.#random.chance(0.2);
    const change: CartChange = empties
      ? { kind: 'empty' }
      : {
          kind: method === 'POST' ? 'add' : 'set',
          productId: product_id,
          quantity: method === 'DELETE' ? 0 : quantity,
        };
    const query = method === 'DELETE' && !empties ? `?product_id=${product_id}` : '';
    const body = method === 'DELETE' ? undefined : { product_id, quantity };
    const route = `${method} /cart/${query}`;
    const told = await this.#ask('change cart', { route, expect: [200, 201], body });
    this.#basket.note(told, change);
    if (told.certainty === 'answered') this.#basket.see(told, linesOfCart(told));
  }

  /** Parallel calls all count, in whatever order they come (I10). */
  async #addInParallel(): Promise<void> {
    await this.#basket.settle();
    const { id: product_id } = this.#random.pick(this.#world.on('steady'));
    const body = { product_id, quantity: 1 };
    const calls = Array.from({ length: 4 }, () =>
      this.#ask('add to cart ×4', { route: 'POST /cart/', expect: [201], body }),
    );
    const all = await Promise.all(calls);
    const change = { kind: 'add', productId: product_id, quantity: 1 } as const;
    for (const told of all) this.#basket.note(told, change);
    await this.#readCart();
  }

  /** What is refused changes nothing: the next look at the cart shows it (I11). */
  async #changeInVain(): Promise<void> {
    const [{ id: product_id } = { id: '' }] = this.#world.on('steady');
    const body = { product_id, quantity: this.#random.pick([10_001, -1, 1.5, 'many']) };
    const route = `${this.#random.pick(['POST', 'PATCH'])} /cart/`;
    await this.#ask('change cart, refused', { route, expect: [400], body });
    await this.#readCart();
  }

  async #orderCart(): Promise<void> {
    await this.#basket.settle();
    const attempt = this.#attempt(this.#basket.orderable);
    const told = await this.#orderUnderKey(attempt, undefined);
    if (told === undefined || told.status === 201) this.#basket.note(told, { kind: 'empty' });
    else if (told.body?.error === 'No products provided') this.#basket.see(told, new Map());
    else this.#violate('answers', show(told.body), told);
  }

  async #orderLines(): Promise<void> {
    const things = [...this.#world.on('steady', 'edited'), ...this.#world.on('scarce').slice(-3)];
    const lines = this.#lines(things.map(({ id }) => id));
    const attempt = this.#attempt([lines]);
    const told = await this.#orderUnderKey(attempt, bodyOf(lines));
    if (told?.status !== 400) return;
    const isScarce = [...lines.keys()].some((id) => this.#world.things.get(id)?.kind === 'scarce');
    const isSoldOut = String(told.body?.error).startsWith('Insufficient stock');
    if (!isScarce || !isSoldOut) this.#violate('I2', show(told.body), told);
  }

  async #orderWithoutKey(): Promise<void> {
    const lines = this.#lines(this.#world.on('steady').map(({ id }) => id));
    const attempt = this.#attempt([lines]);
    const body = bodyOf(lines);
    const told = await this.#ask('place-order', { route: placeOrder, expect: [201], body });
    attempt.requestIds.push(told.requestId);
    attempt.endedAt = told.endedAt;
    if (told.certainty === 'nothing') this.attempts.splice(this.attempts.indexOf(attempt), 1);
    if (told.status === 201) this.#ordered(attempt, told);
  }

  /** A key that has its order takes no other one. */
  async #reuseKey(): Promise<void> {
    const lines = this.#lines(this.#world.on('steady').map(({ id }) => id));
    const first = await this.#orderUnderKey(this.#attempt([lines]), bodyOf(lines));
    if (first?.status !== 201) return;
    const [id = '', quantity = 0] = [...lines][0] ?? [];
    await this.#ask('place-order, key reused', {
      route: placeOrder,
      expect: [422],
      body: bodyOf(new Map([[id, quantity + 1]])),
      headers: { 'Idempotency-Key': `key ${this.#count}` },
    });
  }

  #repeatKey(): Promise<void> {
    const { attempts } = this;
    const ask: AskToOrder = (what, call) => this.#ask(what, { ...call, route: placeOrder });
    return repeatKey({ world: this.#world, random: this.#random, attempts, ask });
  }

  async #orderWhatIsGone(): Promise<void> {
    const gone = [...this.#world.things.values()].filter((one) => one.deletedAt < Infinity);
    if (gone.length === 0) return;
    const body = bodyOf(new Map([[this.#random.pick(gone).id, 1]]));
    await this.#ask('place-order, product gone', { route: placeOrder, expect: [404], body });
  }

  #lines(ids: string[]): Lines {
    const count = 1 + this.#random.below(3);
    const some = Array.from({ length: count }, () => this.#random.pick(ids));
    return new Map(some.map((id) => [id, 1 + this.#random.below(3)]));
  }

  #attempt(candidates: Lines[]): Attempt {
    const attempt = attemptTo(this.#world, candidates);
    this.attempts.push(attempt);
    return attempt;
  }

  async #orderUnderKey(attempt: Attempt, body: object | undefined): Promise<Told | undefined> {
    const both = this.#random.chance(0.15);
    this.#count += 1;
    const told = await orderUnderKey(this.#world, {
      buyer: this.person,
      key: `key ${this.#count}`,
      attempt,
      body,
      nodes: () => (both ? [this.#node(), this.#node(), this.#node()] : [this.#node()]),
    });
    if (told?.status === 201) this.#ordered(attempt, told);
    else if (told) this.attempts.splice(this.attempts.indexOf(attempt), 1); // refused for good
    return told;
  }

  #ordered(attempt: Attempt, told: Told): void {
    attempt.orderIds = told.body.order_ids;
    noteSold(this.#world, attempt);
  }
}

const placeOrder = 'POST /place-order/';

const bodyOf = (lines: Lines): object => ({
  products: [...lines].map(([product_id, quantity]) => ({ product_id, quantity })),
});
