import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { limits } from '../src/kernel/limits.ts';
import { openSocket, type TestSocket } from '../test/socket.ts';
import { answerWaitMs, type Client } from './client.ts';
import { inTime, none, unmetOf } from './demands.ts';
import { type Buyer, gather } from './many-buyers.ts';
import { offer, register } from './people.ts';
import { countOf, type Host, percentile, type Proof, table } from './proof.ts';
import { type Answer, isRefusedWell, isWell, Shoppers } from './shoppers.ts';
import { inTown, type Town } from './town.ts';

const growthBarMb = 100;
const recoveryBarMs = 3_000;
const marginMs = 2_000; // of a machine that the proof shares with the shop
const floodPauseMs = 5;
const sampleMs = 500;

export const paused: Proof = {
  summary: 'a database that stands still costs time, and neither orders nor memory',
  usage: `Usage: npm run prove -- paused [--seconds N] [--shoppers N]

Every process of PostgreSQL is stopped (SIGSTOP) for N seconds (30), while N shoppers (60) go on
asking two nodes, ${1000 / floodPauseMs} more requests a second come whatever becomes of them, and
sockets are open. Holds when every request is answered within the time-out of a statement, no node
grows by more than ${growthBarMb} MB, all is well ${recoveryBarMs} ms after the database goes on, no
acknowledged order and no notification is lost, and souk verify finds nothing.`,
  async run(args, host) {
    const text = { type: 'string' } as const;
    const { values } = parseArgs({ args, options: { seconds: text, shoppers: text } });
    const seconds = countOf('seconds', values.seconds ?? '30');
    return provePaused({ seconds, shoppers: countOf('shoppers', values.shoppers ?? '60') }, host);
  },
};

export async function provePaused(
  { seconds, shoppers: count }: { seconds: number; shoppers: number },
  host: Host,
): Promise<boolean> {
  const options = { nodes: 2, name: 'pause', connections: 4_000, host };
  return inTown(options, async (town, client) => {
    const urls = town.nodes.map(({ url }) => url);
    const seller = await register(client, urls[0] ?? '', 'creator');
    const products = Array.from({ length: 10 }, () => ({ price: 9.99, stock: 1_000_000 }));
    const productIds = await offer(client, urls[0] ?? '', { seller, products });
    const buyers = await gather(town, count);
    const sockets = await openSockets(town, buyers.slice(0, 20));
    const shoppers = new Shoppers({ client, urls, productIds, buyers });
    await sleep(2_000);
    const held = await pauseOnce({ town, client, shoppers, buyers, seconds, host });
    await shoppers.stop();
    host.say(held.text);
    const lost = await shoppers.lost();
    const heard = await hearAll(town, sockets);
    host.say(`${shoppers.orders} orders, ${lost.length} lost or unknown`);
    host.say(`${sockets.size} sockets, ${heard.reopened} opened again, ${heard.gaps} with gaps`);
    const others = unmetOf([
      none(lost.length, 'lost or unknown order'),
      none(heard.gaps, 'incomplete stream'),
    ]);
    return [...held.unmet, ...others];
  });
}

interface Scene {
  town: Town;
  client: Client;
  shoppers: Shoppers;
  buyers: Buyer[];
  seconds: number;
  host: Host;
}

async function pauseOnce(scene: Scene): Promise<{ text: string; unmet: string[] }> {
  const { town, client, shoppers, buyers, seconds, host } = scene;
  const memory = watchMemory(town);
  const proceed = await town.database.pause();
  const from = performance.now();
  const flood = floodWith(client, { town, buyers });
  await sleep(seconds * 1000, undefined, { signal: host.signal }).catch(() => undefined);
  const flooded = flood.stop();
  proceed();
  const resumed = performance.now();
  const tookMs = await shoppers.wellAgain(resumed, answerWaitMs);
  const asked = [...shoppers.between(from, resumed), ...(await flooded)];
  const grownMb = memory.stop();
  const others = asked.filter((answer) => !isWell(answer) && !isRefusedWell(answer));
  const latencies = asked.map(({ sentAt, endedAt }) => endedAt - sentAt);
  const [p50 = 0, p99 = 0, max = 0] = [0.5, 0.99, 1].map((share) => percentile(latencies, share));
  const shown = [p50, p99, max, tookMs].map((ms) => `${ms.toFixed(0)} ms`);
  const counts = [asked.length, asked.filter(isRefusedWell).length, others.length];
  const outcomes = new Set(others.map(({ route, outcome }) => `${route}: ${outcome}`));
  const grown = grownMb.map((mb) => `${mb.toFixed(0)} MB`).join(' ');
  return {
    text: [
      table([
        ['paused', 'asked', '503', 'other', 'p50', 'p99', 'max', 'well again', 'nodes grew'],
        [`${seconds} s`, ...counts.map(String), ...shown, grown],
      ]),
      ...outcomes,
    ].join('\n'),
    unmet: unmetOf([
      none(others.length, 'other answer'),
      inTime('longest answer', max, limits.queryTimeoutMs + marginMs),
      inTime('well again after', tookMs, recoveryBarMs + marginMs),
      [grownMb.every((mb) => mb <= growthBarMb), `nodes grew: ${grown} > ${growthBarMb} MB`],
    ]),
  };
}

/** Requests that come at their own pace, whatever becomes of those before them. */
function floodWith(
  client: Client,
  { town, buyers }: { town: Town; buyers: Buyer[] },
): { stop(): Promise<Answer[]> } {
  const asked: Promise<Answer>[] = [];
  const route = 'GET /list-user-order/';
  const timer = setInterval(() => {
    const turn = asked.length;
    const token = buyers[turn % buyers.length]?.access;
    const url = town.nodes[turn % town.nodes.length]?.url ?? '';
    asked.push(client.send(url, route, { token }).then((reply) => ({ ...reply, route })));
  }, floodPauseMs);
  return {
    stop() {
      clearInterval(timer);
      return Promise.all(asked);
    },
  };
}

/** How much the memory of each node grew at most, in MB. */
function watchMemory({ nodes }: Town): { stop(): number[] } {
  const before = nodes.map((node) => node.residentMb());
  const most = [...before];
  const look = (): void => {
    for (const [index, node] of nodes.entries()) {
      most[index] = Math.max(most[index] ?? 0, node.residentMb());
    }
  };
  const timer = setInterval(look, sampleMs);
  return {
    stop() {
      clearInterval(timer);
      look();
      return most.map((mb, index) => mb - (before[index] ?? 0));
    },
  };
}

async function openSockets({ nodes }: Town, buyers: Buyer[]): Promise<Map<Buyer, TestSocket>> {
  const sockets = new Map<Buyer, TestSocket>();
  for (const [index, buyer] of buyers.entries()) {
    sockets.set(buyer, await openSocket(addressOf(nodes[index % nodes.length]?.url ?? '', buyer)));
  }
  return sockets;
}

const addressOf = (url: string, { access }: Buyer, after = 0): string =>
  `${url.replace('http', 'ws')}/ws/notifications/${access}/?after=${after}`;

/** Waits for what each socket has yet to hear; one that was closed asks for what it missed. */
async function hearAll(
  { nodes, database }: Town,
  sockets: Map<Buyer, TestSocket>,
): Promise<{ reopened: number; gaps: number }> {
  let [reopened, gaps] = [0, 0];
  for (const [buyer, socket] of sockets) {
    const [{ count }] = await database.rows(
      'SELECT last_offset::int AS count FROM streams WHERE user_id = $1',
      [buyer.id],
    );
    const heard = [...socket.messages];
    if (socket.raw.readyState === socket.raw.OPEN) {
      await socket.receive(count).catch(() => undefined);
      heard.splice(0, heard.length, ...socket.messages);
    } else {
      reopened += 1;
      const next = await openSocket(addressOf(nodes[0]?.url ?? '', buyer, heard.length));
      heard.push(...(await next.receive(count - heard.length).catch(() => next.messages)));
      next.raw.terminate();
    }
    socket.raw.terminate();
    if (heard.length !== count || heard.some(({ offset }, index) => offset !== index + 1))
      gaps += 1;
  }
  return { reopened, gaps };
}
