import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import type { Json } from '../../test/harness.ts';
import type { Person } from '../people.ts';
import type { Random } from '../random.ts';
import type { World } from './world.ts';

export interface Heard {
  offset: number;
  id: string;
  type: string;
  order_id: string;
  status: string;
  message: string;
  created_at: string;
}

const patienceMs = 5_000; // for a handshake
const catchUpMs = 3_000; // for the last events, even if their hint was lost
const pauseMs = 100; // before connecting again
const endMs = 1_500; // from a logout to the end of its socket: the bound is 1 s, and its way here

/**
 * Follows one person's stream over sockets that drop at random, on either node, always reading on
 * after the last event. Whatever comes is checked: each offset once, in order, without a gap.
 */
export class Listener {
  readonly heard: Heard[] = [];
  /** of events that were not replayed: when they were made, and how many ms later they came */
  readonly delays: { madeAt: number; ms: number }[] = [];
  readonly #world: World;
  readonly #person: Person;
  readonly #random: Random;
  readonly #running: Promise<void>;
  #socket: WebSocket | undefined;
  #token = '';
  #isStopping = false;
  #isStopped = false;

  constructor(world: World, person: Person) {
    this.#world = world;
    this.#person = person;
    this.#random = world.random.fork(`listener ${person.id}`);
    this.#running = world.watch(this.#follow());
  }

  /** The last offset that was heard. */
  get last(): number {
    return this.heard.length;
  }

  /** The person logged out of this session: its socket must not outlive it by long. */
  async expectEnd(token: string): Promise<void> {
    const socket = this.#socket;
    if (socket === undefined || this.#token !== token) return;
    const { weather, stalls } = this.#world;
    const from = performance.now();
    await sleep(endMs);
    const until = performance.now();
    if (!weather.isDatabaseWell(from, until) || stalls.within(from, until) > 0) return;
    this.#world.socketEndsChecked += 1;
    const isOpen = this.#socket === socket && socket.readyState === WebSocket.OPEN;
    if (isOpen) this.#violate('I8', 'a socket outlived its session');
  }

  /** Drops no more sockets, hears what there is to hear, and ends. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await sleep(catchUpMs);
    this.#isStopped = true;
    this.#socket?.terminate();
    await this.#running;
  }

  async #follow(): Promise<void> {
    while (!this.#isStopped) {
      try {
        await this.#listen();
      } catch {
        // the node is away: the next one may be there
      }
      await sleep(pauseMs);
    }
  }

  /** One socket, to its end. */
  async #listen(): Promise<void> {
    const { nodes } = this.#world.town;
    const url = this.#random.pick(nodes).url.replace('http', 'ws');
    const { access } = this.#person;
    const after = this.last;
    const socket = new WebSocket(`${url}/ws/notifications/?token=${access}&after=${after}`, {
      handshakeTimeout: patienceMs,
    });
    this.#socket = socket;
    this.#token = access;
    let openedAt = Infinity;
    let dropping: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      socket.on('open', () => {
        openedAt = Date.now();
        dropping = setTimeout(() => this.#drop(socket), 200 + this.#random.below(8_000));
      });
      socket.on('message', (data: Buffer) => this.#take(JSON.parse(data.toString()), openedAt));
      socket.on('error', () => undefined);
      socket.on('close', () => resolve());
    });
    clearTimeout(dropping);
  }

  #drop(socket: WebSocket): void {
    if (this.#isStopping) return;
    if (this.#random.chance(0.5)) socket.terminate();
    else socket.close();
  }

  #take(event: Json, openedAt: number): void {
    if (event.offset !== this.last + 1) {
      this.#violate('I7', `offset ${event.offset} came after ${this.last}`);
      if (event.offset <= this.last) return;
    }
    this.heard.push(event);
    const madeAt = Date.parse(event.created_at);
    if (madeAt <= openedAt) return;
    this.delays.push({ madeAt: madeAt - performance.timeOrigin, ms: Date.now() - madeAt });
  }

  #violate(rule: string, text: string): void {
    this.#world.history.violate(rule, `${text} (user ${this.#person.id})`);
  }
}

/** A stream from its beginning, over a socket of its own, up to and with the given offset. */
export async function replay(url: string, token: string, upTo: number): Promise<Heard[]> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/ws/notifications/${token}/?after=0`);
  const heard: Heard[] = [];
  await new Promise<void>((resolve) => {
    let quiet = setTimeout(resolve, patienceMs);
    socket.on('message', (data: Buffer) => {
      heard.push(JSON.parse(data.toString()) as Heard);
      clearTimeout(quiet);
      // A moment longer than needed: there must not be more than expected either.
      quiet = setTimeout(resolve, heard.length >= upTo ? 300 : patienceMs);
    });
    socket.on('error', () => resolve());
    socket.on('close', () => resolve());
  });
  socket.terminate();
  return heard;
}
