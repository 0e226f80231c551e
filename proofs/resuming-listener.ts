import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import type { Buyer } from './many-buyers.ts';
import type { Random } from './random.ts';

const waitMs = 30_000; // for an event that must come, and then for a handshake that hangs

/** How a socket's life ended. */
export const drops = ['terminate', 'close', 'mid-handshake', 'by the server'] as const;
export type Drop = (typeof drops)[number];

interface Scene {
  buyer: Buyer;
  /** addresses of nodes; not all of them run all the time */
  urls: string[];
  random: Random;
  dropped: (how: Drop) => void;
}

/**
 * A client that follows a stream over sockets that drop, and asks each next node only for what
 * comes after the last offset that it has seen.
 */
export class ResumingListener {
  /** what it heard, in the order it came */
  readonly heard: string[] = [];
  readonly faults: string[] = [];
  readonly #scene: Scene;

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  /**
   * Listens until it has heard `count` events.
   * @param dropAfter how many it hears before each of its drops, rising
   */
  async hear(count: number, dropAfter: number[]): Promise<void> {
    const { random, dropped, urls } = this.#scene;
    const plan = [...dropAfter];
    const deadline = performance.now() + waitMs * 2;
    while (this.heard.length < count || plan.length > 0) {
      if (performance.now() > deadline) {
        this.faults.push(`heard ${this.heard.length} of ${count}`);
        return;
      }
      const url = random.pick(urls);
      const next = plan[0] ?? count;
      const end = await this.#live(url, { until: next, isLast: plan.length === 0, deadline });
      if (end === 'planned' && plan.shift() !== undefined && random.chance(1 / 3)) {
        await breakHandshake(this.#address(random.pick(urls)), random.below(6));
        dropped('mid-handshake');
      }
      if (end === 'never opened') await sleep(20);
      if (end === 'by the server') dropped('by the server');
    }
  }

  /** One socket, from its opening to its end. */
  #live(
    url: string,
    { until, isLast, deadline }: { until: number; isLast: boolean; deadline: number },
  ): Promise<'planned' | 'by the server' | 'never opened'> {
    const { random, dropped } = this.#scene;
    const socket = new WebSocket(this.#address(url), { handshakeTimeout: waitMs });
    const how = random.pick(['terminate', 'close'] as const);
    let isOver = false;
    return new Promise((resolve) => {
      let wasOpen = false;
      const patience = setTimeout(() => socket.terminate(), deadline - performance.now());
      const leave = (): void => {
        isOver = true; // what comes after it left is not heard
        if (!isLast) dropped(how);
        if (how === 'terminate') socket.terminate();
        else socket.close();
      };
      socket.on('open', () => {
        wasOpen = true;
        if (this.heard.length >= until) leave();
      });
      socket.on('message', (data: Buffer) => {
        if (isOver) return;
        this.#hear(data.toString());
        if (this.heard.length >= until) leave();
      });
      socket.on('error', () => undefined);
      socket.on('close', () => {
        clearTimeout(patience);
        resolve(isOver ? 'planned' : wasOpen ? 'by the server' : 'never opened');
      });
    });
  }

  #hear(text: string): void {
    const { offset } = JSON.parse(text);
    const expected = this.heard.length + 1;
    if (offset === expected) this.heard.push(text);
    else if (offset < expected) this.faults.push(`${offset} again after ${expected - 1}`);
    else this.faults.push(`${offset} came after ${expected - 1}`);
  }

  #address(url: string): string {
    const path = `/ws/notifications/${this.#scene.buyer.access}/?after=${this.heard.length}`;
    return url.replace('http', 'ws') + path;
  }
}

/** Asks for a socket and is gone some milliseconds later, maybe before the answer. */
async function breakHandshake(address: string, afterMs: number): Promise<void> {
  const { hostname, port, pathname, search, host } = new URL(address);
  const stream = connect(Number(port), hostname);
  const gone = new Promise<void>((resolve) => stream.on('close', () => resolve()));
  stream.on('error', () => undefined);
  stream.write(
    [
      `GET ${pathname}${search} HTTP/1.1`,
      `Host: ${host}`,
      'Upgrade: websocket',
      'Connection: Upgrade',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
      '\r\n',
    ].join('\r\n'),
  );
  await sleep(afterMs);
  stream.destroy();
  await gone;
}

/** All of a stream, as one socket that does not drop hears it. */
export async function replay({ url, buyer, count }: { url: string; buyer: Buyer; count: number }) {
  const path = `/ws/notifications/${buyer.access}/?after=0`;
  const socket = new WebSocket(url.replace('http', 'ws') + path, { handshakeTimeout: waitMs });
  const heard: string[] = [];
  await new Promise<void>((resolve) => {
    const patience = setTimeout(() => resolve(), waitMs);
    const end = (): void => (clearTimeout(patience), resolve());
    socket.on('message', (data: Buffer) => {
      if (heard.push(data.toString()) === count) end();
    });
    socket.on('error', end);
    socket.on('close', end);
  });
  socket.terminate();
  return heard;
}
