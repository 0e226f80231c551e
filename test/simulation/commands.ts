import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import fc, { type AsyncCommand } from 'fast-check';
import { Carts } from '../../src/features/cart/carts.ts';
import { CheckoutQueue } from '../../src/features/orders/checkout-queue.ts';
import { type Checkout, placeOrders } from '../../src/features/orders/place-orders.ts';
import { StatusQueue } from '../../src/features/orders/status-queue.ts';
import type { Db } from '../../src/kernel/db.ts';
import { Refusal } from '../../src/kernel/errors.ts';
import { look, type Operation, perform, type Result, type Shop } from './model.ts';
import { anyPlan, resolve } from './plans.ts';
import type { Outside, RealShop } from './real.ts';
import { explain } from './serial-order.ts';
import { takingTurns, Turns } from './turns.ts';

/** The shop as the model has it, and how many steps led there. */
export interface World {
  shop: Shop;
  steps: number;
}

type Step = AsyncCommand<World, RealShop>;
type Order = Extract<Operation, { verb: 'order' }>;

/** One operation after the other: every answer and all that can be seen is the model's. */
export class OneByOne implements Step {
  readonly #plans: Operation[];

  constructor(plans: Operation[]) {
    this.#plans = plans;
  }

  check = (): boolean => true;

  async run(world: World, real: RealShop): Promise<void> {
    for (const plan of this.#plans) {
      world.steps += 1;
      const operation = resolve(plan, world.shop, `o${world.steps}`);
      const result = await real.perform(operation, alone(real, real.context.db));
      await agree(world, real, [{ operation, result }]);
    }
  }

  toString(): string {
    return this.#plans.map(show).join(', ');
  }
}

/** A few of any kind, one after the other. */
export const oneByOne = fc
  .array(anyPlan, { minLength: 1, maxLength: 4, size: 'max' })
  .map((plans) => new OneByOne(plans));

/** Several checkouts in one transaction do what they would do one by one, in their order. */
export class Batch implements Step {
  readonly #plans: Operation[];

  constructor(plans: Operation[]) {
    this.#plans = plans;
  }

  check = (): boolean => true;

  async run(world: World, real: RealShop): Promise<void> {
    world.steps += 1;
    const taken = new Set<string>();
    const orders = this.#plans
      .map((plan, index) => resolve(plan, world.shop, `o${world.steps}${'abcde'[index]}`) as Order)
      .filter(({ buyer, lines, key }) => {
        const names = [lines === 'cart' ? `cart ${buyer}` : '', key ? `key ${buyer} ${key}` : ''];
        const isFree = names.every((name) => !taken.has(name));
        if (isFree) for (const name of names) if (name) taken.add(name);
        return isFree;
      });
    const checkouts = orders.map((order) => real.checkoutOf(order));
    const { outcomes } = await placeOrders(real.context.db, checkouts);
    const done = outcomes.map((outcome, index) => ({
      operation: orders[index] as Order,
      result: 'refused' in outcome ? outcome : { orders: outcome.orderIds },
    }));
    await agree(world, real, done);
  }

  toString(): string {
    return `batch of ${this.#plans.map(show).join(', ')}`;
  }
}

/** Operations that run at the same time, statement by statement as the choices say. */
export class AtOnce implements Step {
  readonly #plans: Operation[];
  readonly #choices: number[];
  readonly #isQueued: boolean;

  /** @param isQueued what goes in batches comes through one queue; otherwise each comes alone */
  constructor(plans: Operation[], choices: number[], isQueued: boolean) {
    this.#plans = plans;
    this.#choices = choices;
    this.#isQueued = isQueued;
  }

  check = (): boolean => true;

  async run(world: World, real: RealShop): Promise<void> {
    world.steps += 1;
    const { db, ...context } = real.context;
    const turns = new Turns(this.#choices);
    const checkouts = new CheckoutQueue({ ...context, db: takingTurns(db, turns, 'checkouts') });
    const statuses = new StatusQueue({ ...context, db: takingTurns(db, turns, 'statuses') });
    const carts = new Carts({ ...context, db: takingTurns(db, turns, 'carts') });
    const acts = this.#plans.map(async (plan, index) => {
      const name = `o${world.steps}${'abcde'[index]}`;
      const operation = resolve(plan, world.shop, name);
      await turns.next(`${name}: ${show(operation)}`);
      const outside = alone(real, takingTurns(db, turns, name));
      if (this.#isQueued) {
        outside.carts = carts;
        outside.place = (checkout) => checkouts.place(checkout);
        outside.move = (step) => statuses.update(step);
      }
      return { operation, result: await real.perform(operation, outside) };
    });
    const done = await turns.run(Promise.all(acts), db.beside);
    const results = real.translate(world.steps, done);
    const heard = done.map(({ operation }, index) => {
      return { operation, result: results[index] as Result };
    });
    const seen = await real.look();
    const after = explain(world.shop, { done: heard, seen });
    if (after === undefined) {
      const report = { before: look(world.shop), heard, seen, statements: turns.trace };
      const text = inspect(report, { depth: 9, maxStringLength: 200, breakLength: 120 });
      assert.fail(`No order of these operations explains what was heard and seen: ${text}`);
    }
    world.shop = after;
  }

  toString(): string {
    const how = this.#isQueued ? 'at once, queued' : 'at once';
    return `${how}: ${this.#plans.map(show).join(', ')} by ${this.#choices.join('')}`;
  }
}

const show = (plan: object): string =>
  inspect(plan, { breakLength: Infinity, depth: 5, compact: true });

/** Whatever goes in batches, in a transaction of its own. */
function alone(real: RealShop, db: Db): Outside {
  const place = async (checkout: Checkout): Promise<string[]> => {
    const { outcomes } = await placeOrders(db, [checkout]);
    const [outcome] = outcomes;
    if (outcome === undefined) throw new Error('A checkout without an outcome');
    if ('orderIds' in outcome) return outcome.orderIds;
    throw new Refusal(outcome.refused.kind, outcome.refused.message);
  };
  const context = { ...real.context, db };
  const statuses = new StatusQueue(context);
  const carts = new Carts(context);
  return { db, bus: context.bus, carts, place, move: (step) => statuses.update(step) };
}

/** In this order, the model hears and sees the same. */
async function agree(
  world: World,
  real: RealShop,
  done: { operation: Operation; result: unknown }[],
): Promise<void> {
  const results = real.translate(world.steps, done);
  const expected = done.map(({ operation }) => perform(world.shop, operation));
  const what = done.map(({ operation }) => show(operation)).join(', ');
  assert.deepEqual(results, expected, `the answer to ${what}`);
  assert.deepEqual(await real.look(), look(world.shop), `what is seen after ${what}`);
}
