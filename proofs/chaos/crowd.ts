import { setTimeout as sleep } from 'node:timers/promises';
import { type Person, register } from '../people.ts';
import { Buyer } from './buyer.ts';
import type { Listener } from './listener.ts';
import { checkOrders, checkStock, readOrders } from './orders.ts';
import { Prober } from './prober.ts';
import { Seller } from './seller.ts';
import { checkStreams } from './streams.ts';
import type { World } from './world.ts';

const sellerCount = 4;
const buyerCount = 20;
const newcomersEveryMs = 10_000;
const landingMs = 10_000; // above the statement time-out: nothing is under way any more

/** Everybody who uses the shop. */
export class Crowd {
  readonly prober: Prober;
  readonly #world: World;
  readonly #buyers: Buyer[] = [];
  readonly #sellers: Seller[] = [];
  #nextAt = performance.now() + newcomersEveryMs;

  private constructor(world: World, prober: Prober) {
    this.#world = world;
    this.prober = prober;
  }

  static async gathered(world: World): Promise<Crowd> {
    const crowd = new Crowd(world, new Prober(world, await newcomer(world, 'viewer')));
    for (let index = 0; index < sellerCount; index += 1) {
      crowd.#sellers.push(await Seller.opened(world, await newcomer(world, 'creator')));
    }
    for (let index = 0; index < buyerCount; index += 1) await crowd.#join();
    return crowd;
  }

  get listeners(): Listener[] {
    return [...this.#buyers, ...this.#sellers].map(({ listener }) => listener);
  }

  /** Somebody new, now and then. */
  async grow(): Promise<void> {
    if (performance.now() < this.#nextAt) return;
    this.#nextAt = performance.now() + newcomersEveryMs;
    await this.#world.watch(this.#join());
  }

  /** Ends what everybody does, and waits until nothing can happen any more. */
  async leave(): Promise<void> {
    const world = this.#world;
    world.isOver = true;
    const people = [...this.#buyers, ...this.#sellers];
    await Promise.all(people.map(({ done }) => done));
    await sleep(landingMs);
    await Promise.all(this.listeners.map((listener) => listener.stop()));
  }

  /** Everything against everything. @returns what there was to check */
  async check(): Promise<string> {
    const world = this.#world;
    const buyers = this.#buyers;
    const orders = [];
    for (const buyer of [this.prober, ...buyers]) {
      const own = await readOrders(world, buyer.person);
      checkOrders(world, buyer, own);
      orders.push(...own);
    }
    await checkStock(world, orders, this.prober.person.access);
    const events = await checkStreams(world, { buyers, sellers: this.#sellers, orders });
    return `checked ${orders.length} orders and ${events} events of ${buyers.length + 1} buyers`;
  }

  async #join(): Promise<void> {
    this.#buyers.push(new Buyer(this.#world, await newcomer(this.#world, 'viewer')));
  }
}

function newcomer({ client, town }: World, type: 'viewer' | 'creator'): Promise<Person> {
  const [node] = town.nodes;
  return register(client, node?.url ?? '', type);
}
