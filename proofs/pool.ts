import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { HeldLock } from '../test/held-lock.ts';
import { answerWaitMs, Client } from './client.ts';
import { gather } from './crowd.ts';
import { offer, register } from './people.ts';
import { countOf, type Host, percentile, type Proof, table } from './proof.ts';
import { isRefusedWell, isWell, Shoppers } from './shoppers.ts';
import { openTown, type Town } from './town.ts';

const answerBarMs = 1_000;
const recoveryBarMs = 1_000;
const marginMs = 500; // of a machine that the proof shares with the shop

export const pool: Proof = {
  summary: 'whoever meets an exhausted pool is told so within a second',
  usage: `Usage: npm run prove -- pool [--seconds N] [--shoppers N]

Another session holds locks that the shop needs, for N seconds (20) each: first the whole table of
products, then its rows; N shoppers (100) go on asking. Holds when every request is answered, with
what it asked for or 503 and Retry-After, within ${answerBarMs} ms (and ${marginMs} for the machine),
all is well ${recoveryBarMs} ms after the locks are gone, no deadlock was met, no acknowledged order
is lost, and souk verify finds nothing.`,
  async run(args, host) {
    const text = { type: 'string' } as const;
    const { values } = parseArgs({ args, options: { seconds: text, shoppers: text } });
    const seconds = countOf('seconds', values.seconds ?? '20');
    return provePool({ seconds, shoppers: countOf('shoppers', values.shoppers ?? '100') }, host);
  },
};

const locks = [
  ['table of products', 'LOCK TABLE products IN ACCESS EXCLUSIVE MODE'],
  ['rows of products', 'SELECT FROM products FOR UPDATE'],
] as const;

export async function provePool(
  { seconds, shoppers: count }: { seconds: number; shoppers: number },
  host: Host,
): Promise<boolean> {
  const town = await openTown(1);
  const client = new Client('pool', count);
  try {
    const url = town.nodes[0]?.url ?? '';
    const seller = await register(client, url, 'creator');
    const products = Array.from({ length: 10 }, () => ({ price: 9.99, stock: 1_000_000 }));
    const productIds = await offer(client, url, { seller, products });
    const buyers = await gather(town, count);
    const shoppers = new Shoppers({ client, urls: [url], productIds, buyers });
    const rows = [['held', 'answers', 'well', '503', 'other', 'p50', 'p99', 'max', 'well again']];
    let holds = true;
    await sleep(1_500);
    for (const [name, statement] of locks) {
      if (host.signal.aborted) break;
      const { row, isRight } = await holdOnce({ town, shoppers, statement, seconds, host });
      rows.push([name, ...row]);
      holds &&= isRight;
      await sleep(1_000);
    }
    await shoppers.stop();
    host.say(table(rows));
    const lost = await shoppers.lost();
    const deadlocks = await deadlocksOf(town);
    host.say(`${shoppers.orders} orders, ${lost.length} lost or unknown, ${deadlocks} deadlocks`);
    const verified = await town.verify();
    host.say(verified.output);
    return holds && verified.holds && lost.length === 0 && deadlocks === 0;
  } finally {
    client.close();
    await town.close();
  }
}

interface Hold {
  town: Town;
  shoppers: Shoppers;
  statement: string;
  seconds: number;
  host: Host;
}

async function holdOnce(scene: Hold): Promise<{ row: string[]; isRight: boolean }> {
  const { town, shoppers, statement, seconds, host } = scene;
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
  const latencies = answers.map(({ sentAt, endedAt }) => endedAt - sentAt);
  const [p50, p99, max = 0] = [0.5, 0.99, 1].map((share) => percentile(latencies, share));
  for (const route of new Set(answers.map((answer) => answer.route))) {
    const own = answers.filter((answer) => answer.route === route);
    const ms = own.map(({ sentAt, endedAt }) => endedAt - sentAt);
    const slow = ms.filter((one) => one > answerBarMs).length;
    const well = own.filter(isWell).length;
    host.say(
      `  ${route}: ${own.length}, ${well} well, ${slow} slow, ${percentile(ms, 1).toFixed(0)} ms at most`,
    );
  }
  const shown = [p50, p99, max, tookMs].map((ms) => `${ms?.toFixed(0)} ms`);
  return {
    row: [...counts.map(String), ...shown],
    isRight:
      others.length === 0 && max <= answerBarMs + marginMs && tookMs <= recoveryBarMs + marginMs,
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
