import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { answerWaitMs, type Client } from './client.ts';
import { none, unmetOf } from './demands.ts';
import { type Buyer, gather, inTurns } from './many-buyers.ts';
import { type Drop, drops, ResumingListener, replay } from './resuming-listener.ts';
import { offer, type Person, register } from './people.ts';
import { countOf, type Host, type Proof, table } from './proof.ts';
import { type Random, randomFrom } from './random.ts';
import { inTown, type Town } from './town.ts';

const eventsEach = 20;
const steps = ['shipped', 'delivered'] as const;
const patienceMs = 3 * answerWaitMs; // until a change must be acknowledged

export const socketDrops: Proof = {
  summary: 'sockets that drop at any moment resume without loss, gap or repetition',
  usage: `Usage: npm run prove -- socket-drops [--drops N] [--restarts N] [--seed N]

Streams of ${eventsEach} events each, followed over sockets that drop at random places, N times
(5,000): terminated, closed, cut in their handshake. Each next socket opens on one of two nodes and
asks for what comes after the last offset seen. Events arise meanwhile, and nodes are restarted N
times (10), half of them killed. Holds when every stream is heard in order, without loss or
repetition, as acknowledged and as a full replay has it, and souk verify finds nothing.`,
  async run(args, host) {
    const text = { type: 'string' } as const;
    const { values } = parseArgs({ args, options: { drops: text, restarts: text, seed: text } });
    const sizes = {
      drops: countOf('drops', values.drops ?? '5000'),
      restarts: countOf('restarts', values.restarts ?? '10'),
      seed: countOf('seed', values.seed ?? '1'),
      atOnce: 60,
    };
    return proveSocketDrops(sizes, host);
  },
};

interface Sizes {
  drops: number;
  restarts: number;
  seed: number;
  /** streams that are followed at the same time */
  atOnce: number;
}

export async function proveSocketDrops(sizes: Sizes, host: Host): Promise<boolean> {
  const options = { nodes: 2, name: 'drops', connections: sizes.atOnce * 4, host };
  return inTown(options, async (town, client) => {
    const random = randomFrom(sizes.seed);
    const drill = await Drill.opened({ town, client, random, host });
    const buyers = await gather(town, sizes.drops);
    const restarting = drill.restart(sizes);
    const turns = { atOnce: sizes.atOnce, signal: host.signal };
    await inTurns(buyers, turns, (buyer, index) => drill.follow(buyer, index));
    await restarting;
    return drill.report();
  });
}

interface Scene {
  town: Town;
  client: Client;
  random: Random;
  host: Host;
}

interface Shelf {
  seller: Person;
  productId: string;
}

class Drill {
  readonly #scene: Scene;
  readonly #shelves: Shelf[];
  readonly #drops = new Map<Drop, number>(drops.map((drop) => [drop, 0]));
  readonly #restarts = { stopped: 0, killed: 0 };
  readonly #faults: string[] = [];
  #streams = 0;
  #events = 0;

  private constructor(scene: Scene, shelves: Shelf[]) {
    this.#scene = scene;
    this.#shelves = shelves;
  }

  static async opened(scene: Scene): Promise<Drill> {
    const { town, client } = scene;
    const url = town.nodes[0]?.url ?? '';
    const shelves: Shelf[] = [];
    for (let index = 0; index < 8; index += 1) {
      const seller = await register(client, url, 'creator');
      const products = [{ price: 5, stock: 10_000_000 }];
      const [productId = ''] = await offer(client, url, { seller, products });
      shelves.push({ seller, productId });
    }
    return new Drill(scene, shelves);
  }

  /** One stream: its events come about in two lanes while a listener drops and resumes. */
  async follow(buyer: Buyer, index: number): Promise<void> {
    const { town, random, host } = this.#scene;
    const own = random.fork(`stream ${index}`);
    const urls = town.nodes.map(({ url }) => url);
    const dropped = (how: Drop): void => void this.#drops.set(how, (this.#drops.get(how) ?? 0) + 1);
    const listener = new ResumingListener({ buyer, urls, random: own.fork('listener'), dropped });
    const lanes = ['a', 'b'].map((name) => this.#happen(buyer, name, own.fork(name)));
    const [told] = await Promise.all([
      Promise.all(lanes),
      listener.hear(eventsEach, [own.below(eventsEach)]),
    ]);
    this.#judge({ index, listener, told });
    const again = await this.#replayed(buyer, own);
    if (again.join() !== listener.heard.join()) {
      this.#faults.push(
        `stream ${index}: a replay has ${again.length} events, others or otherwise`,
      );
    }
    this.#streams += 1;
    this.#events += listener.heard.length;
    if (this.#streams % 500 === 0) host.say(`  ${this.#streams} streams of ${eventsEach} events`);
  }

  /** What was heard is what was acknowledged: each lane's events, in the lane's order. */
  #judge(scene: { index: number; listener: ResumingListener; told: string[][] }): void {
    const { index, listener, told } = scene;
    this.#faults.push(...listener.faults.map((fault) => `stream ${index}: ${fault}`));
    const heard = listener.heard.map((text) => {
      const { order_id, status } = JSON.parse(text);
      return `${order_id} ${status}`;
    });
    for (const lane of told) {
      const orders = new Set(lane.map((one) => one.split(' ')[0]));
      const own = heard.filter((one) => orders.has(one.split(' ')[0]));
      if (own.join() !== lane.join()) this.#faults.push(`stream ${index}: not what happened`);
    }
    if (heard.length !== told.flat().length) {
      this.#faults.push(`stream ${index}: ${heard.length} heard of ${told.flat().length}`);
    }
  }

  /** Half of a stream's events, one after the other. @returns what they tell */
  async #happen(buyer: Buyer, lane: string, random: Random): Promise<string[]> {
    const told: string[] = [];
    for (let count = 0; told.length < eventsEach / 2; count += 1) {
      const { seller, productId } = random.pick(this.#shelves);
      const headers = { 'Idempotency-Key': `${lane} ${count}` };
      const body = { products: [{ product_id: productId }] };
      const place = { route: 'POST /place-order/', token: buyer.access, body, headers };
      const { order_id } = await this.#change(place, random, (outcome) => outcome === 201);
      told.push(`${order_id} pending`);
      for (const status of steps.slice(0, eventsEach / 2 - told.length)) {
        const route = 'PATCH /update-order-status/';
        const move = { route, token: seller.access, body: { order_id, status } };
        // Of a step that broke off it is not known whether it was taken: then it was.
        const isMoved = (outcome: unknown, error: unknown): boolean =>
          outcome === 200 || error === 'Order already in this status';
        await this.#change(move, random, isMoved);
        told.push(`${order_id} ${status}`);
      }
      await sleep(random.below(20));
    }
    return told;
  }

  /** Asks nodes until the change has come about. */
  async #change(
    {
      route,
      ...ask
    }: { route: string; token: string; body: object; headers?: Record<string, string> },
    random: Random,
    isDone: (outcome: unknown, error: unknown) => boolean,
  ) {
    const deadline = performance.now() + patienceMs;
    for (;;) {
      const { url } = random.pick(this.#scene.town.nodes);
      const { outcome, body } = await this.#scene.client.send(url, route, ask);
      if (isDone(outcome, body?.error)) return body;
      if (performance.now() > deadline) throw new Error(`${route}: ${outcome} at last`);
      await sleep(20);
    }
  }

  async #replayed(buyer: Buyer, random: Random): Promise<string[]> {
    const deadline = performance.now() + patienceMs;
    for (;;) {
      const { url } = random.pick(this.#scene.town.nodes);
      const heard = await replay({ url, buyer, count: eventsEach });
      if (heard.length >= eventsEach || performance.now() > deadline) return heard;
    }
  }

  /** Restarts the nodes in turn, at even shares of the streams; every other time by a kill. */
  async restart({ drops, restarts }: Sizes): Promise<void> {
    const { town, host } = this.#scene;
    for (let count = 1; count <= restarts; count += 1) {
      while (this.#streams < (drops * count) / (restarts + 1)) {
        if (host.signal.aborted) return;
        await sleep(10);
      }
      const node = town.nodes[count % town.nodes.length];
      if (count % 2 === 0) await node?.kill();
      else await node?.stop();
      this.#restarts[count % 2 === 0 ? 'killed' : 'stopped'] += 1;
      await node?.start();
    }
  }

  /** Says what was seen. @returns what was not met */
  report(): string[] {
    const { stopped, killed } = this.#restarts;
    const rows = [['streams', 'events', ...this.#drops.keys(), 'restarts', 'kills', 'faults']];
    const counts = [this.#streams, this.#events, ...this.#drops.values(), stopped, killed];
    rows.push([...counts, this.#faults.length].map(String));
    this.#scene.host.say([table(rows), ...this.#faults.slice(0, 10)].join('\n'));
    return unmetOf([
      none(this.#faults.length, 'fault'),
      [this.#streams > 0, 'no stream was followed'],
    ]);
  }
}
