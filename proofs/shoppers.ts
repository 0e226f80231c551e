import { setTimeout as sleep } from 'node:timers/promises';
import { answerWaitMs, type Client, type Reply } from './client.ts';
import type { Buyer } from './many-buyers.ts';
import { obtain } from './people.ts';

const pauseMs = 40; // of a shopper between two requests
const patienceMs = 3 * answerWaitMs; // until an order that may have happened is known

export interface Answer extends Reply {
  route: string;
}

/** What shoppers do, in turn; every order is under a key of its own. */
const routes = [
  'GET /list-product/',
  'POST /place-order/',
  'GET /cart/',
  'POST /place-order/',
  'POST /cart/',
  'GET /list-user-order/',
] as const;

/**
 * Buyers who look, fill their carts and order all the time, and note every answer. An order that
 * did not come to an end is asked for again under its key, as a client should.
 */
export class Shoppers {
  readonly answers: Answer[] = [];
  /** order ids that were acknowledged, by buyer and key */
  readonly #orders = new Map<Buyer, Map<string, string>>();
  readonly #client: Client;
  readonly #urls: string[];
  readonly #productIds: string[];
  readonly #running: Promise<void>[];
  #isStopping = false;

  constructor(scene: { client: Client; urls: string[]; productIds: string[]; buyers: Buyer[] }) {
    this.#client = scene.client;
    this.#urls = scene.urls;
    this.#productIds = scene.productIds;
    this.#running = scene.buyers.map((buyer, index) => this.#shop(buyer, index));
  }

  /** Answers to what was asked from one moment to another, of `performance.now()`. */
  between(from: number, to: number): Answer[] {
    return this.answers.filter(({ sentAt }) => sentAt >= from && sentAt < to);
  }

  /** Waits until every route was answered well that was asked `since`. @returns when, in ms */
  async wellAgain(since: number, withinMs: number): Promise<number> {
    for (;;) {
      const moments = [...new Set(routes)].map(
        (route) =>
          this.answers.find(
            (answer) => answer.route === route && answer.endedAt >= since && isWell(answer),
          )?.endedAt,
      );
      const known = moments.filter((moment) => moment !== undefined);
      if (known.length === moments.length) return Math.max(...known) - since;
      if (performance.now() - since > withinMs) return Number.POSITIVE_INFINITY;
      await sleep(5);
    }
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    await Promise.all(this.#running);
  }

  get orders(): number {
    return [...this.#orders.values()].reduce((sum, { size }) => sum + size, 0);
  }

  /** Acknowledged orders that are not there, and ones that nobody knows of. */
  async lost(): Promise<string[]> {
    const wrong: string[] = [];
    for (const [{ id, access: token }, orders] of this.#orders) {
      const kept: string[] = [];
      for (let page = 1, more = true; more; page += 1) {
        const route = `GET /list-user-order/?page_size=100&page=${page}`;
        const body = await obtain(this.#client, this.#urls[0] ?? '', { route, status: 200, token });
        kept.push(...body.results.map((order: { id: string }) => order.id));
        more = body.next !== null;
      }
      const known = [...orders.values()];
      wrong.push(...known.filter((one) => !kept.includes(one)).map((one) => `${id} lost ${one}`));
      wrong.push(...kept.filter((one) => !known.includes(one)).map((one) => `${id} has ${one}`));
    }
    return wrong;
  }

  async #shop(buyer: Buyer, index: number): Promise<void> {
    const orders = new Map<string, string>();
    this.#orders.set(buyer, orders);
    await sleep((index * pauseMs) / 8); // not all in step
    for (let turn = index; !this.#isStopping; turn += 1) {
      const route = routes[turn % routes.length] ?? routes[0];
      const product_id = this.#productIds[turn % this.#productIds.length];
      if (route === 'POST /place-order/') {
        const key = `order ${turn}`;
        const orderId = await this.#order(buyer, { key, product_id });
        if (orderId !== undefined) orders.set(key, orderId);
      } else {
        const body = route === 'POST /cart/' ? { product_id } : undefined;
        await this.#ask(buyer, { route, turn, body });
      }
      await sleep(pauseMs);
    }
  }

  /** Asks until the order is acknowledged: whoever does not know must not go away. */
  async #order(
    buyer: Buyer,
    { key, product_id }: { key: string; product_id: string | undefined },
  ): Promise<string | undefined> {
    const began = performance.now();
    for (let turn = 0; performance.now() - began < patienceMs; turn += 1) {
      const body = { products: [{ product_id }] };
      const headers = { 'Idempotency-Key': key };
      const ask = { route: 'POST /place-order/', turn, body, headers };
      const { outcome, body: answer } = await this.#ask(buyer, ask);
      if (outcome === 201) return answer.order_id;
      await sleep(pauseMs);
    }
    return undefined;
  }

  async #ask(
    { access: token }: Buyer,
    ask: {
      route: string;
      turn: number;
      body?: object | undefined;
      headers?: Record<string, string>;
    },
  ): Promise<Reply> {
    const { route, turn, body, headers = {} } = ask;
    const url = this.#urls[turn % this.#urls.length] ?? '';
    const reply = await this.#client.send(url, route, { token, body, headers });
    this.answers.push({ ...reply, route });
    return reply;
  }
}

/** Done as asked. */
export const isWell = ({ outcome }: Reply): boolean => outcome === 200 || outcome === 201;

/** Refused as a shop refuses that cannot just now: 503, and when to try again. */
export const isRefusedWell = ({ outcome, retryAfter }: Reply): boolean =>
  outcome === 503 && retryAfter === '1';
