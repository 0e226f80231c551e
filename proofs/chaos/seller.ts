import { setTimeout as sleep } from 'node:timers/promises';
import type { Person } from '../people.ts';
import type { Random } from '../random.ts';
import { checkComplete, checkProducts } from './lists.ts';
import { Listener } from './listener.ts';
import { Steps } from './steps.ts';
import { type Thing, thingOf } from './things.ts';
import type { Told, World } from './world.ts';

const thinkMs = 60;
const plenty = 100_000_000;
const scarce = 150;
const isScarcePer = 30_000; // ms: how often a new product appears that will sell out

/** Somebody who offers products, edits and deletes some, and moves orders along. */
export class Seller {
  readonly person: Person;
  readonly listener: Listener;
  readonly steps: Steps;
  readonly #world: World;
  readonly #random: Random;
  #categoryId = '';
  #running = Promise.resolve();
  #count = 0;
  #nextScarceAt = 0;

  private constructor(world: World, person: Person) {
    this.#world = world;
    this.person = person;
    this.#random = world.random.fork(`seller ${person.id}`);
    this.listener = new Listener(world, person);
    this.steps = new Steps(world, person, this.listener);
  }

  /** Opens a stall with some products, and begins to work. */
  static async opened(world: World, person: Person): Promise<Seller> {
    const seller = new Seller(world, person);
    world.sellers.push(person);
    const things = { name: `Things of S${person.id}`, description: 'All sorts' };
    const route = 'POST /category/';
    const told = await seller.#ask('make category', { route, expect: [201], body: things });
    seller.#categoryId = told.body.id;
    for (let index = 0; index < 3; index += 1) {
      await seller.#make('steady', plenty);
      await seller.#make('edited', plenty);
    }
    seller.#running = world.watch(seller.#work());
    return seller;
  }

  get done(): Promise<void> {
    return this.#running;
  }

  async #work(): Promise<void> {
    while (!this.#world.isOver) {
      const dice = this.#random.below(100);
      if (performance.now() > this.#nextScarceAt) {
        this.#nextScarceAt = performance.now() + isScarcePer;
        await this.#make('scarce', scarce);
      } else if (dice < 45) await this.steps.one();
      else if (dice < 60) await this.#edit();
      else if (dice < 70) await this.#setStock();
      else if (dice < 75) await this.#make('brief', 5);
      else if (dice < 82) await this.#remove();
      else if (dice < 85) await this.#editForeign();
      else await this.#look();
      await sleep(this.#random.below(2 * thinkMs));
    }
  }

  #ask(what: string, ask: { route: string; expect: number[]; body?: object }): Promise<Told> {
    const node = this.#random.below(this.#world.town.nodes.length);
    const token = this.person.access;
    return this.#world.ask(`seller ${this.person.id}`, { what, node, token, ...ask });
  }

  async #make(kind: Thing['kind'], stock: number): Promise<void> {
    this.#count += 1;
    const name = `S${this.person.id} ${kind} ${this.#count}.`; // found by a search alone
    const price = 10 + this.#count;
    const body = { name, description: name, price, stock, category_id: this.#categoryId };
    const route = 'POST /product/';
    const told = await this.#ask('make product', { route, expect: [201], body });
    if (told.status !== 201) return; // whether it is there or not, nobody buys it
    const made = { id: told.body.id, name, kind, stock, price, sellerId: this.person.id };
    this.#world.things.set(made.id, thingOf(made));
  }

  #own(...kinds: Thing['kind'][]): Thing[] {
    return this.#world.on(...kinds).filter(({ sellerId }) => sellerId === this.person.id);
  }

  /** Each price is another one, so that each edit can be told apart in the lists. */
  async #edit(): Promise<void> {
    const thing = this.#random.pick(this.#own('edited'));
    this.#count += 1;
    const value = (1_000 + this.#count) / 100;
    // Before the answer: somebody may see it before the seller hears of it.
    const { weather } = this.#world;
    const write = { value, sentAt: performance.now(), endedAt: Infinity, certain: false };
    const entry = { ...write, settlesAt: () => weather.settlesAt(entry.sentAt, entry.endedAt) };
    thing.price.wrote(entry);
    const ask = { route: 'PATCH /product/', expect: [200], body: { id: thing.id, price: value } };
    const told = await this.#ask('edit price', ask);
    entry.endedAt = told.endedAt;
    entry.certain = told.certainty === 'answered';
  }

  async #setStock(): Promise<void> {
    const { id } = this.#random.pick(this.#own('edited'));
    const body = { id, stock: plenty + this.#random.below(1_000) };
    await this.#ask('set stock', { route: 'PATCH /product/', expect: [200], body });
  }

  async #remove(): Promise<void> {
    const [thing] = this.#own('brief');
    if (thing === undefined) return;
    thing.deleteSentAt = performance.now();
    const route = `DELETE /delete-product/?id=${thing.id}`;
    const told = await this.#ask('delete product', { route, expect: [200] });
    if (told.certainty === 'answered') thing.deletedAt = told.endedAt;
  }

  /** Another seller's thing looks like a missing one, and stays as it is. */
  async #editForeign(): Promise<void> {
    const foreign = this.#world.on('steady').filter(({ sellerId }) => sellerId !== this.person.id);
    if (foreign.length === 0) return;
    const body = { id: this.#random.pick(foreign).id, price: 0.01 };
    await this.#ask('edit of another', { route: 'PATCH /product/', expect: [404], body });
  }

  async #look(): Promise<void> {
    const route = `GET /list-product/?category=${this.#categoryId}&page_size=100&page=last`;
    const told = await this.#ask('list-product, own', { route, expect: [200] });
    if (told.status !== 200) return;
    checkProducts(this.#world, told);
    if (told.body.total_pages === 1) checkComplete(this.#world, this.person.id, told);
  }
}
