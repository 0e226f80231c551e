import type { Person } from '../people.ts';
import { type Attempt, attemptTo, noteSold, orderUnderKey } from './checkout.ts';
import { show, type World } from './world.ts';

const patienceMs = 20_000; // far beyond any bar: a node that does not come back

/** Somebody whose orders show that the shop is back after a fault. */
export class Prober {
  readonly person: Person;
  readonly attempts: Attempt[] = [];
  readonly #world: World;

  constructor(world: World, person: Person) {
    this.#world = world;
    this.person = person;
  }

  /** Resolves when every node has placed an order. */
  async orderEverywhere(): Promise<void> {
    await Promise.all([...this.#world.town.nodes.keys()].map((node) => this.#order(node)));
  }

  async #order(node: number): Promise<void> {
    const [{ id: product_id } = { id: '' }] = this.#world.on('steady');
    const key = `probe ${this.attempts.length}`;
    const attempt = attemptTo(this.#world, [new Map([[product_id, 1]])]);
    this.attempts.push(attempt);
    const body = { products: [{ product_id }] };
    const nodes = (): number[] => [node];
    const deadline = attempt.sentAt + patienceMs;
    const order = { buyer: this.person, key, attempt, body, nodes, deadline };
    const told = await orderUnderKey(this.#world, order);
    if (told?.status !== 201) {
      const text = `node ${node} took no order in ${patienceMs / 1_000} s: ${show(told?.body)}`;
      this.#world.history.violate('bar', text, attempt.requestIds);
      return;
    }
    attempt.orderIds = told.body.order_ids;
    noteSold(this.#world, attempt);
  }
}
