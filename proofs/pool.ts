import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { limits } from '../src/kernel/limits.ts';
import { HeldLock } from '../test/held-lock.ts';
import { answerWaitMs } from './client.ts';
import { inTime, none, unmetOf } from './demands.ts';
import { gather } from './many-buyers.ts';
import { offer, register } from './people.ts';
import { countOf, type Host, percentile, type Proof, table } from './proof.ts';
import { isRefusedWell, isWell, Shoppers } from './shoppers.ts';
import { inTown, type Town } from './town.ts';

const answerBarMs = limits.lockTimeoutMs; // for 95 of 100; who waits in line is told earlier
const longestBarMs = 3_000; // for who needs several connections in turn
const recoveryBarMs = 1_000;

export const pool: Proof = {
  summary: 'whoever meets an exhausted pool is soon told so, and all is well after',
  usage: `Usage: npm run prove -- pool [--seconds N] [--shoppers N]

Another session holds locks that the shop needs, for N seconds (20) each: first the whole table of
products, then its rows; N shoppers (100) go on asking. Holds when every request is answered, with
what it asked for or 503 and Retry-After, 95 of 100 within ${answerBarMs} ms and all within
${longestBarMs} ms, all is well ${recoveryBarMs} ms after the locks are gone, no deadlock was met,
no acknowledged order is lost, and souk verify finds nothing. --margin-ms N (500) is added for what
else the machine does.`,
  async run(args, host) {
    const text = { type: 'string' } as const;
    const options = { seconds: text, shoppers: text, 'margin-ms': text };
    const { values } = parseArgs({ args, options });
    const sizes = {
      seconds: countOf('seconds', values.seconds ?? '20'),
      shoppers: countOf('shoppers', values.shoppers ?? '100'),
      marginMs: countOf('margin-ms', values['margin-ms'] ?? '500'),
    };
    return provePool(sizes, host);
  },
};

const locks = [
  ['table of products', 'LOCK TABLE products IN ACCESS EXCLUSIVE MODE'],
  // In the order in which checkouts take them, or one of the two is a deadlock’s victim.
  ['rows of products', 'SELECT FROM products ORDER BY id FOR UPDATE'],
] as const;

interface Sizes {
  seconds: number;
  shoppers: number;
  /** of a machine that the proof shares with the shop, and maybe with others */
  marginMs: number;
}

export async function provePool(sizes: Sizes, host: Host): Promise<boolean> {
  const { seconds, shoppers: count, marginMs } = sizes;
  return inTown({ nodes: 1, name: 'pool', connections: count, host }, async (town, client) => {
    const url = town.nodes[0]?.url ?? '';
    const seller = await register(client, url, 'creator');
    const products = Array.from({ length: 10 }, () => ({ price: 9.99, stock: 1_000_000 }));
    const productIds = await offer(client, url, { seller, products });
    const buyers = await gather(town, count);
    const shoppers = new Shoppers({ client, urls: [url], productIds, buyers });
    const rows = [['held', 'answers', 'well', '503', 'other', 'p50', 'p95', 'max', 'well again']];
    const unmet: string[] = [];
    await sleep(1_500);
    for (const [name, statement] of locks) {
      if (host.signal.aborted) break;
      const scene = { town, shoppers, statement, seconds, marginMs, host };
      const held = await holdOnce(scene);
      rows.push([name, ...held.row]);
      unmet.push(...held.unmet.map((one) => `${name}: ${one}`));
      await sleep(1_000);
    }
    await shoppers.stop();
    host.say(table(rows));
    const lost = await shoppers.lost();
    const deadlocks = await deadlocksOf(town);
    host.say(`${shoppers.orders} orders, ${lost.length} lost or unknown, ${deadlocks} deadlocks`);
    const others = unmetOf([
      none(lost.length, 'lost or unknown order'),
      none(deadlocks, 'deadlock'),
    ]);
    return [...unmet, ...others];
  });
}

interface Hold {
  town: Town;
  shoppers: Shoppers;
  statement: string;
  seconds: number;
  marginMs: number;
  host: Host;
}

async function holdOnce(scene: Hold): Promise<{ row: string[]; unmet: string[] }> {
  const { town, shoppers, statement, seconds, marginMs, host } = scene;
  const lock = await HeldLock.take(town.database.url, statement);
  const from = performance.now();
  await sleep(seconds * 1000, undefined, { signal: host.signal }).catch(() => undefined);
  await lock.release();
  const released = performance.now();
  const tookMs = await shoppers.wellAgain(released, answerWaitMs);
  await sleep(answerBarMs); // for the answers to what was asked before
  const answers = shoppers.between(from, released);
  const others = answers.filter((answer) => !isWell(answer) && !isRefusedWell(answer));
  const counts = [answers.length, answers.filter(isWell).length];
  counts.push(answers.filter(isRefusedWell).length, others.length);
  // What waits when the locks go is then done as quickly as the machine can.
  const latencies = answers.map(({ sentAt, endedAt }) => Math.min(endedAt, released) - sentAt);
  const [p50 = 0, p95 = 0, max = 0] = [0.5, 0.95, 1].map((share) => percentile(latencies, share));
  const shown = [p50, p95, max, tookMs].map((ms) => `${ms.toFixed(0)} ms`);
  return {
    row: [...counts.map(String), ...shown],
    unmet: unmetOf([
      none(others.length, 'other answer'),
      inTime('p95', p95, answerBarMs + marginMs),
      inTime('longest answer', max, longestBarMs + marginMs),
      inTime('well again after', tookMs, recoveryBarMs + marginMs),
    ]),
  };
}

/** As the server counts them; a session tells it when it has ended. */
async function deadlocksOf({ database, nodes }: Town): Promise<number> {
  for (const node of nodes) await node.stop();
  const [{ deadlocks }] = await database.rows(
    'SELECT deadlocks::int FROM pg_stat_database WHERE datname = current_database()',
  );
  return deadlocks;
}
