import { parseArgs } from 'node:util';
import type { Client, Reply } from './client.ts';
import { none, unmetOf } from './demands.ts';
import { type Buyer, gather } from './many-buyers.ts';
import { obtain, offer, register } from './people.ts';
import { countOf, type Host, percentile, type Proof, table } from './proof.ts';
import { type Random, randomFrom } from './random.ts';
import {
  type Kind,
  kinds,
  type Line,
  makeRound,
  quantityOf,
  type Round,
} from './same-key-rounds.ts';
import { inTown, type Town } from './town.ts';

const roundsOfABuyer = 10;

export const sameKey: Proof = {
  summary: 'parallel orders under one key are one order, answered alike',
  usage: `Usage: npm run prove -- same-key [--rounds N] [--parallel N] [--seed N]

N rounds (1,000) of N parallel requests (50) under one Idempotency-Key, over two nodes: for lines,
for a cart, or with two bodies under the one key. Holds when each round makes one order, all
answers to one body are the same, the other body is a 422 that changes nothing, a cart is emptied
once and not again by a later repetition, each stock is exact, and souk verify finds nothing.`,
  async run(args, host) {
    const text = { type: 'string' } as const;
    const { values } = parseArgs({ args, options: { rounds: text, parallel: text, seed: text } });
    const rounds = countOf('rounds', values.rounds ?? '1000');
    const parallel = countOf('parallel', values.parallel ?? '50');
    const seed = countOf('seed', values.seed ?? '1');
    return proveSameKey({ rounds, parallel, seed }, host);
  },
};

interface Sizes {
  rounds: number;
  parallel: number;
  seed: number;
}

interface Tally {
  rounds: number;
  requests: number;
  orders: number;
  mismatches: number;
  differing: number;
  wrong: string[];
}

export async function proveSameKey(sizes: Sizes, host: Host): Promise<boolean> {
  const { rounds, parallel, seed } = sizes;
  const options = { nodes: 2, name: 'same', connections: parallel, host };
  return inTown(options, async (town, client) => {
    const drill = new Drill({ town, client, random: randomFrom(seed), parallel });
    await drill.open(Math.ceil(rounds / roundsOfABuyer));
    for (let round = 0; round < rounds && !host.signal.aborted; round += 1) {
      await drill.playRound(round);
      if ((round + 1) % 100 === 0) host.say(`  ${round + 1} of ${rounds} rounds`);
    }
    host.say(drill.report());
    return drill.unmet();
  });
}

interface Scene {
  town: Town;
  client: Client;
  random: Random;
  parallel: number;
}

class Drill {
  readonly #scene: Scene;
  readonly #tallies = new Map<Kind, Tally>();
  readonly #latencies: number[] = [];
  readonly #stock = new Map<string, number>(); // as it must be
  #buyers: Buyer[] = [];
  #orders = 0;

  constructor(scene: Scene) {
    this.#scene = scene;
    for (const kind of kinds) {
      const counts = { rounds: 0, requests: 0, orders: 0, mismatches: 0, differing: 0 };
      this.#tallies.set(kind, { ...counts, wrong: [] });
    }
  }

  async open(buyers: number): Promise<void> {
    const { town, client } = this.#scene;
    const seller = await register(client, this.#url(), 'creator');
    const products = Array.from({ length: 20 }, () => ({ price: 19.99, stock: 1_000_000 }));
    for (const id of await offer(client, this.#url(), { seller, products })) {
      this.#stock.set(id, 1_000_000);
    }
    this.#buyers = await gather(town, buyers);
  }

  async playRound(number: number): Promise<void> {
    const { random, parallel } = this.#scene;
    const kind = random.pick(kinds);
    const buyer = this.#buyers[Math.floor(number / roundsOfABuyer)] as Buyer;
    const round = makeRound(kind, { buyer, productIds: [...this.#stock.keys()], random });
    await this.#put(buyer, round.cart);
    const choices = Array.from({ length: parallel }, () => random.below(round.bodies.length));
    const replies = await Promise.all(choices.map((choice) => this.#ask(round, choice)));
    const tally = this.#tallies.get(kind) as Tally;
    tally.rounds += 1;
    tally.requests += replies.length;
    for (const { sentAt, endedAt } of replies) this.#latencies.push(endedAt - sentAt);
    const won = choices[replies.findIndex(({ outcome }) => outcome === 201)];
    if (won === undefined) {
      tally.wrong.push(`no order: ${[...new Set(replies.map(textOf))].join(' · ')}`);
      return;
    }
    const accepted = new Set(replies.filter((_, index) => choices[index] === won).map(textOf));
    const refused = new Set(replies.filter((_, index) => choices[index] !== won).map(textOf));
    tally.differing += accepted.size - 1 + Math.max(0, refused.size - 1);
    tally.mismatches += replies.filter(({ outcome }) => outcome === 422).length;
    if ([...refused].some((text) => !text.startsWith('422 ')))
      tally.wrong.push([...refused][0] ?? '');
    for (const { product_id, quantity } of round.lines[won] ?? []) {
      this.#stock.set(product_id, (this.#stock.get(product_id) ?? 0) - quantity);
    }
    this.#orders += 1;
    tally.orders += await this.#newOrdersOf(buyer, number % roundsOfABuyer);
    await this.#checkCart(round, { won, tally, answer: [...accepted][0] ?? '' });
  }

  /** The cart is empty when it was ordered, else untouched; a repetition leaves it alone. */
  async #checkCart(
    round: Round,
    { won, tally, answer }: { won: number; tally: Tally; answer: string },
  ): Promise<void> {
    const token = round.buyer.access;
    const inCart = async (): Promise<number> => {
      const ask = { route: 'GET /cart/', status: 200, token };
      return (await obtain(this.#scene.client, this.#url(), ask)).total_items;
    };
    const wasOrdered = round.bodies[won]?.products === undefined;
    const expected = wasOrdered ? 0 : quantityOf(round.cart);
    const before = await inCart();
    if (before !== expected) tally.wrong.push(`${before} in the cart, not ${expected}`);
    const [product_id = ''] = this.#stock.keys();
    await this.#put(round.buyer, [{ product_id, quantity: 1 }]);
    if (textOf(await this.#ask(round, won)) !== answer) tally.wrong.push('a late repetition');
    const later = await inCart();
    if (later !== expected + 1) tally.wrong.push(`a repetition left ${later} in the cart`);
    const emptying = { route: 'DELETE /cart/', status: 200, token };
    await obtain(this.#scene.client, this.#url(), emptying);
  }

  /** The stock of each product is what the orders left, and there is one order a round. */
  async unmet(): Promise<string[]> {
    const rows = await this.#scene.town.database.rows('SELECT id, stock FROM products');
    const off = rows.filter(({ id, stock }) => this.#stock.get(id) !== stock);
    const [{ count }] = await this.#scene.town.database.rows(
      'SELECT count(*)::int AS count FROM orders',
    );
    const tallies = [...this.#tallies].flatMap(([kind, { rounds, orders, differing, wrong }]) =>
      unmetOf([
        [orders === rounds, `${orders} orders of ${rounds} rounds`],
        none(differing, 'differing answer'),
        none(wrong.length, 'wrong round'),
      ]).map((one) => `${kind}: ${one}`),
    );
    const settled = unmetOf([
      none(off.length, 'wrong stock'),
      [count === this.#orders, `${count} orders kept, ${this.#orders} acknowledged`],
    ]);
    return [...settled, ...tallies];
  }

  report(): string {
    const rows = [['under one key', 'rounds', 'requests', 'orders', '422', 'differing', 'wrong']];
    for (const [kind, tally] of this.#tallies) {
      const { rounds, requests, orders, mismatches, differing, wrong } = tally;
      const counts = [rounds, requests, orders, mismatches, differing, wrong.length];
      rows.push([kind, ...counts.map(String)]);
    }
    const wrong = [...this.#tallies.values()].flatMap((tally) => tally.wrong).slice(0, 10);
    const [p50, p99] = [0.5, 0.99].map((share) => percentile(this.#latencies, share).toFixed(0));
    return [table(rows), `p50 ${p50} ms · p99 ${p99} ms`, ...wrong].join('\n');
  }

  async #put(buyer: Buyer, lines: Line[]): Promise<void> {
    for (const body of lines) {
      const ask = { route: 'POST /cart/', status: 201, token: buyer.access, body };
      await obtain(this.#scene.client, this.#url(), ask);
    }
  }

  #ask({ buyer, key, bodies }: Round, choice: number): Promise<Reply> {
    const headers = { 'Idempotency-Key': key };
    const ask = { token: buyer.access, headers, body: bodies[choice] };
    return this.#scene.client.send(this.#url(), 'POST /place-order/', ask);
  }

  /** How many orders the buyer has beyond those of earlier rounds. */
  async #newOrdersOf({ access: token }: Buyer, earlier: number): Promise<number> {
    const ask = { route: 'GET /list-user-order/', status: 200, token };
    return (await obtain(this.#scene.client, this.#url(), ask)).count - earlier;
  }

  #url(): string {
    return this.#scene.random.pick(this.#scene.town.nodes).url;
  }
}

const textOf = ({ outcome, body }: Reply): string => `${outcome} ${JSON.stringify(body)}`;
