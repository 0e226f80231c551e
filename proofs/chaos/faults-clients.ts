import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Fault, memoryGrowth } from './fault.ts';

/** Sockets of a busy seller that are opened and never read. */
const stalledSockets: Fault = {
  name: '50 sockets that never read',
  allows: [],
  backMs: 1_000,
  async strike(world, seconds) {
    const { town, sellers } = world;
    const { access } = sellers[0] as (typeof sellers)[number];
    const growth = memoryGrowth(world, 150);
    const sockets = await Promise.all(
      Array.from({ length: 50 }, (_, index) => {
        const url = town.nodes[index % town.nodes.length]?.url ?? '';
        const handshake = [
          `GET /ws/notifications/${access}/?after=0 HTTP/1.1`,
          'Connection: Upgrade',
          'Upgrade: websocket',
          'Sec-WebSocket-Version: 13',
          'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
        ];
        return sendAndStall(url, handshake, { awaits: 'HTTP/1.1 101 ' });
      }),
    );
    await sleep(seconds * 1_000);
    const figure = growth();
    for (const socket of sockets) socket.destroy();
    return { healedAt: performance.now(), figures: [figure] };
  },
};

const slowBodies: Fault = {
  name: '200 bodies at 1 byte/s',
  allows: [],
  backMs: 1_000,
  async strike({ town, sellers }, seconds) {
    const { access } = sellers[0] as (typeof sellers)[number];
    const head = [
      'PATCH /product/ HTTP/1.1',
      `Authorization: Bearer ${access}`,
      'Content-Type: application/json',
      'Content-Length: 1000',
    ];
    const sockets = await Promise.all(
      Array.from({ length: 200 }, (_, index) =>
        sendAndStall(town.nodes[index % town.nodes.length]?.url ?? '', head, { begin: '{' }),
      ),
    );
    for (let second = 0; second < seconds; second += 1) {
      for (const socket of sockets) if (socket.writable) socket.write(' ');
      await sleep(1_000);
    }
    for (const socket of sockets) socket.destroy();
    return { healedAt: performance.now() };
  },
};

/** @param options.awaits how the answer must begin, before nothing more is read */
async function sendAndStall(
  url: string,
  lines: string[],
  { begin = '', awaits }: { begin?: string; awaits?: string },
): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.write(`${lines.join('\r\n')}\r\nHost: ${hostname}\r\n\r\n${begin}`);
  if (awaits !== undefined) {
    const [answer] = (await once(socket, 'data')) as [Buffer];
    if (!answer.toString().startsWith(awaits)) throw new Error(answer.toString().slice(0, 100));
  }
  return socket.pause();
}

export const clientFaults: Fault[] = [stalledSockets, slowBodies];
