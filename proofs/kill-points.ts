import { parseArgs } from 'node:util';
import { failpointNames } from '../src/kernel/failpoints.ts';
import { answerWaitMs, type Client, type Outcome } from './client.ts';
import { inTime, none, unmetOf } from './demands.ts';
import { obtain, offer, type Person, register } from './people.ts';
import { countOf, type Host, percentile, type Proof, table } from './proof.ts';
import type { ShopNode } from './servers.ts';
import { inTown, type Town } from './town.ts';

const buyersAtOnce = 8;

export const killPoints: Proof = {
  summary: 'a node killed at each named place of checkout loses and doubles nothing',
  usage: `Usage: npm run prove -- kill-points [--rounds N]

Kills a node (SIGKILL) at each place of checkout that has a name, N times each (100), while
buyers order, ${buyersAtOnce} at once and each under a key. The node is started again and every
buyer asks again with the same key. Holds when each key has one order, none is lost, and souk
verify finds nothing; and a node is ready again within 2 s.`,
  async run(args, host) {
    const rounds = { type: 'string', default: '100' } as const;
    const { values } = parseArgs({ args, options: { rounds } });
    return proveKillPoints({ rounds: countOf('rounds', values.rounds), readyBarMs: 2_000 }, host);
  },
};

interface Tally {
  kills: number;
  orders: number;
  lost: number;
  doubled: number;
  readyMs: number[];
}

export interface Bars {
  /** at each place */
  rounds: number;
  /** a node that was killed is ready again within this time */
  readyBarMs: number;
}

export async function proveKillPoints(bars: Bars, host: Host): Promise<boolean> {
  const { rounds } = bars;
  return inTown({ nodes: 2, name: 'kill', host }, async (town, client) => {
    const rows = [['killed', 'times', 'orders', 'lost', 'doubled', 'ready again p50 / max']];
    // Each node has half of the places, and buyers of its own.
    const halves = town.nodes.map(async (node, half) => {
      const market = await openMarket(node, client);
      const own = failpointNames.filter((_, index) => index % town.nodes.length === half);
      const unmet: string[] = [];
      for (const name of own) {
        const tally: Tally = { kills: 0, orders: 0, lost: 0, doubled: 0, readyMs: [] };
        const scene = { town, node, client, market, tally };
        for (let round = 1; round <= rounds && !host.signal.aborted; round += 1) {
          // The second time around there are orders that were acknowledged, and a batch of many.
          await killOnce(scene, `${name}:${1 + (round % 2)}`);
          if (round % 10 === 0) host.say(`  ${name}: ${round} of ${rounds}`);
        }
        rows.push([name, ...summary(tally)]);
        unmet.push(...unmetOfTally(tally, bars).map((one) => `${name}: ${one}`));
      }
      return unmet;
    });
    const all = await Promise.all(halves);
    host.say(table(rows));
    return all.flat();
  });
}

function unmetOfTally(tally: Tally, { rounds, readyBarMs }: Bars): string[] {
  const { lost, doubled, kills, readyMs } = tally;
  return unmetOf([
    none(lost, 'lost order'),
    none(doubled, 'doubled order'),
    [kills === rounds, `${kills} kills of ${rounds}`],
    inTime('ready again after', Math.max(...readyMs), readyBarMs),
  ]);
}

function summary({ kills, orders, lost, doubled, readyMs }: Tally): string[] {
  const [middle, slowest] = [percentile(readyMs, 0.5), Math.max(...readyMs)];
  const ready = `${middle.toFixed(0)} / ${slowest.toFixed(0)} ms`;
  return [...[kills, orders, lost, doubled].map(String), ready];
}

interface Market {
  buyers: Person[];
  productId: string;
}

async function openMarket({ url }: ShopNode, client: Client): Promise<Market> {
  const seller = await register(client, url, 'creator');
  const products = [{ price: 19.99, stock: 10_000_000 }];
  const [productId = ''] = await offer(client, url, { seller, products });
  const buyers: Person[] = [];
  for (let index = 0; index < buyersAtOnce; index += 1) {
    buyers.push(await register(client, url, 'viewer'));
  }
  return { buyers, productId };
}

interface Scene {
  town: Town;
  node: ShopNode;
  client: Client;
  market: Market;
  tally: Tally;
}

/** All buyers order at once, the node dies, comes back, and all ask again with the same key. */
async function killOnce(scene: Scene, failpoint: string): Promise<void> {
  const { node, client, market, tally } = scene;
  await node.stop();
  await node.start({ FAILPOINT: failpoint });
  const before = await countOrders(scene);
  const keys = market.buyers.map((_, index) => `${failpoint} ${before} ${index}`);
  const orderAll = (): Promise<{ outcome: Outcome; orderId: string | undefined }[]> =>
    Promise.all(
      market.buyers.map(async ({ access: token }, index) => {
        const headers = { 'Idempotency-Key': keys[index] ?? '' };
        const body = { products: [{ product_id: market.productId }] };
        const ask = { token, headers, body };
        const reply = await client.send(node.url, 'POST /place-order/', ask);
        return { outcome: reply.outcome, orderId: reply.body?.order_id };
      }),
    );
  const first = await orderAll();
  if (await node.ended(answerWaitMs)) tally.kills += 1;
  tally.readyMs.push(await node.start());
  const again = await orderAll();
  for (const [index, { outcome, orderId }] of again.entries()) {
    const earlier = first[index]?.orderId;
    if (outcome !== 201) tally.lost += 1;
    else if (earlier !== undefined && earlier !== orderId) tally.doubled += 1;
  }
  const made = (await countOrders(scene)) - before;
  tally.orders += made;
  tally.doubled += Math.max(0, made - market.buyers.length);
  tally.lost += Math.max(0, market.buyers.length - made);
  for (const [index, { access: token }] of market.buyers.entries()) {
    const route = 'GET /list-user-order/';
    const { results } = await obtain(client, node.url, { route, status: 200, token });
    const isThere = results.some((order: { id: string }) => order.id === again[index]?.orderId);
    if (!isThere) tally.lost += 1;
  }
}

async function countOrders({ town, market }: Scene): Promise<number> {
  const text = 'SELECT count(*)::int AS count FROM orders WHERE buyer_id = ANY($1)';
  const [row] = await town.database.rows(text, [market.buyers.map(({ id }) => id)]);
  return row.count;
}
