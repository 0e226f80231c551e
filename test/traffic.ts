import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Answer, Json, TestNode, User } from './harness.ts';

// Buyers who order all the time and do not take no for an answer, for the tests of faults.

const pauseMs = 40; // of a client between two tries
const thinkMs = 15; // between two orders: enough of them, and time for what is tested
const patienceMs = 30_000; // until one key must have its order
const answerMs = 12_000; // longer than any time-out of the shop

type Caller = Pick<TestNode, 'call'>;

/** Registers somebody; `viewer` is a buyer, `creator` a seller. */
export async function register(
  { call }: Caller,
  user_type: 'viewer' | 'creator',
  password: string = randomBytes(9).toString('base64url'),
): Promise<User> {
  const email = `${randomBytes(6).toString('hex')}@example.com`;
  const route = 'POST /auth/register-user/';
  const { status, body, text } = await call(route, { body: { email, password, user_type } });
  if (status !== 201) throw new Error(`register: ${status} ${text}`);
  return { id: body.user.id, email, password, access: body.access, refresh: body.refresh };
}

/** A product in a category of its own. */
export async function offer({ call }: Caller, seller: User, stock: number): Promise<Json> {
  const make = async (route: string, body: object): Promise<Json> => {
    const answer = await call(route, { token: seller.access, body });
    if (answer.status !== 201) throw new Error(`${route}: ${answer.status} ${answer.text}`);
    return answer.body;
  };
  const { id } = await make('POST /category/', { name: 'Things', description: 'All sorts' });
  const usual = { name: 'Bell', description: 'It rings', price: 19.99 };
  return make('POST /product/', { ...usual, stock, category_id: id });
}

/** What an attempt came to: a status; `cut`: refused or broken off; `hung`: no answer at all. */
type Outcome = number | 'cut' | 'hung';

/**
 * Buyers who order one thing after the other, each under a key of its own, and try again with the
 * same key until they have a yes. Afterwards `isKept` proves that each key made one order.
 */
export class Traffic {
  /** how often each outcome came, and anything that a fault must not lead to */
  readonly outcomes = new Map<Outcome, number>();
  readonly surprises: string[] = [];
  readonly #orders = new Map<User, Map<string, string>>(); // of each buyer: key → order id
  readonly #productId: string;
  readonly #callers: Caller[];
  #running: Promise<void>[] = [];
  #isStopping = false;

  /** @param callers the nodes, which take turns */
  constructor(callers: Caller[], productId: string) {
    this.#callers = callers;
    this.#productId = productId;
  }

  start(buyers: User[]): void {
    this.#running = buyers.map((buyer) => this.#orderOnAndOn(buyer));
  }

  /** Lets each buyer get the order it is after, and no more. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await Promise.all(this.#running);
  }

  /** Acknowledged so far. */
  get orders(): number {
    return [...this.#orders.values()].reduce((sum, { size }) => sum + size, 0);
  }

  count(outcome: Outcome): number {
    return this.outcomes.get(outcome) ?? 0;
  }

  /** Waits until `count` more orders than now are acknowledged. */
  async progress(count: number, withinMs = 20_000): Promise<void> {
    const [goal, deadline] = [this.orders + count, Date.now() + withinMs];
    while (this.orders < goal) {
      assert.ok(Date.now() < deadline, `${goal - this.orders} of ${count} orders did not come`);
      await sleep(5);
    }
  }

  /** Every acknowledged order is there, there are no others, and each key still stands for its. */
  async isKept({ call }: Caller): Promise<void> {
    for (const [buyer, orders] of this.#orders) {
      assert.deepEqual(await orderIds({ call }, buyer), [...orders.values()].toSorted());
      for (const [key, orderId] of [...orders].slice(-5)) {
        const again = await this.#order({ call }, buyer, key);
        assert.deepEqual([again.status, again.body.order_id], [201, orderId]);
      }
    }
  }

  async #orderOnAndOn(buyer: User): Promise<void> {
    const orders = new Map<string, string>();
    this.#orders.set(buyer, orders);
    for (let number = 1; !this.#isStopping; number += 1) {
      const key = `order ${number}`;
      orders.set(key, await this.#orderAtLast(buyer, key));
      await sleep(thinkMs);
    }
  }

  async #orderAtLast(buyer: User, key: string): Promise<string> {
    const deadline = Date.now() + patienceMs;
    for (let attempt = buyer.id; Date.now() < deadline; attempt += 1) {
      const caller = this.#callers[attempt % this.#callers.length] as Caller;
      const answer = await Promise.race([
        this.#order(caller, buyer, key).catch(() => 'cut' as const),
        sleep(answerMs, 'hung' as const, { ref: false }),
      ]);
      this.#note(answer);
      if (typeof answer !== 'string' && answer.status === 201) return answer.body.order_id;
      await sleep(pauseMs);
    }
    throw new Error(`${key} of ${buyer.email} was never acknowledged`);
  }

  #note(answer: Answer | 'cut' | 'hung'): void {
    const outcome = typeof answer === 'string' ? answer : answer.status;
    this.outcomes.set(outcome, this.count(outcome) + 1);
    if (answer === 'hung') this.surprises.push(`no answer for ${answerMs} ms`);
    if (typeof answer === 'string' || answer.status === 201) return;
    const isRefusedWell = answer.status === 503 && answer.headers.get('retry-after') === '1';
    if (!isRefusedWell) this.surprises.push(`${answer.status} ${answer.text}`);
  }

  #order({ call }: Caller, buyer: User, key: string): Promise<Answer> {
    return call('POST /place-order/', {
      token: buyer.access,
      body: { products: [{ product_id: this.#productId }] },
      headers: { 'Idempotency-Key': key },
    });
  }
}

/** The ids of all orders of a buyer, sorted. */
async function orderIds({ call }: Caller, buyer: User): Promise<string[]> {
  const ids: string[] = [];
  for (let page = 1; ; page += 1) {
    const path = `GET /list-user-order/?page_size=100&page=${page}`;
    const { body } = await call(path, { token: buyer.access });
    ids.push(...body.results.map(({ id }: Json) => id));
    if (body.next === null) return ids.toSorted();
  }
}
