import { availableParallelism, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import type { Client, Reply } from './client.ts';
import { inTime, none, unmetOf } from './demands.ts';
import { type Buyer, gather, inTurns } from './many-buyers.ts';
import { offer, register } from './people.ts';
import { countOf, type Host, percentile, type Proof, table } from './proof.ts';
import { inTown, type Town } from './town.ts';

const p99BarMs = 1_000;
const progressEvery = 2_500;

export const flashSale: Proof = {
  summary: 'thousands of buyers at once for a few units buy exactly those',
  usage: `Usage: npm run prove -- flash-sale [--buyers N] [--units N] [--connections N]

N buyers (10,000) order one product, of which there are N units (500), over N connections (256):
first from one node, then from two. Their accounts and sessions are put into the database; each
order is a request of its own under a key of its own, the first that its node sees of that buyer.
Holds when exactly as many orders as units are placed, every other buyer is told 400 Insufficient
stock, p99 is at most ${p99BarMs} ms, and souk verify finds nothing.`,
  async run(args, host) {
    const text = { type: 'string' } as const;
    const options = { buyers: text, units: text, connections: text };
    const { values } = parseArgs({ args, options });
    const sizes = {
      buyers: countOf('buyers', values.buyers ?? '10000'),
      units: countOf('units', values.units ?? '500'),
      connections: countOf('connections', values.connections ?? '256'),
    };
    return proveFlashSale({ ...sizes, nodes: [1, 2], p99BarMs }, host);
  },
};

interface Sizes {
  buyers: number;
  units: number;
  connections: number;
  /** of how many nodes; a sale for each */
  nodes: number[];
  p99BarMs: number;
}

interface Sale {
  replies: (Reply & { buyer: Buyer })[];
  tookMs: number;
}

export async function proveFlashSale(sizes: Sizes, host: Host): Promise<boolean> {
  const heads = ['nodes', 'buyers', 'sold', 'refused', 'other', 'answers/s', 'p50', 'p99', 'max'];
  const rows = [[...heads, 'left in stock', 'orders kept']];
  const surprises = new Set<string>();
  let holds = true;
  for (const nodes of sizes.nodes) {
    const options = { nodes, name: 'sale', connections: sizes.connections, host };
    const isMet = await inTown(options, async (town, client) => {
      const productId = await openSale(town, client, sizes.units);
      const buyers = await gather(town, sizes.buyers);
      host.say(`  ${buyers.length} buyers wait at the door of ${nodes} node(s)`);
      const sale = await sell({ town, client, productId, buyers, sizes, host });
      const { row, unmet, others } = await assess({ sale, town, productId, sizes });
      rows.push([String(nodes), ...row]);
      for (const other of others) surprises.add(other);
      return unmet;
    });
    holds &&= isMet;
    if (host.signal.aborted) break;
  }
  const load = `load average ${loadavg()[0]?.toFixed(1)} on ${availableParallelism()} cores`;
  host.say([table(rows), load, ...[...surprises].slice(0, 10)].join('\n'));
  return holds;
}

async function openSale({ nodes }: Town, client: Client, stock: number): Promise<string> {
  const url = nodes[0]?.url ?? '';
  const seller = await register(client, url, 'creator');
  const [id = ''] = await offer(client, url, { seller, products: [{ price: 19.99, stock }] });
  return id;
}

interface Scene {
  town: Town;
  client: Client;
  productId: string;
  buyers: Buyer[];
  sizes: Sizes;
  host: Host;
}

/** Every buyer asks once; each connection takes the next buyer when it has its answer. */
async function sell(scene: Scene): Promise<Sale> {
  const { town, client, productId, buyers, sizes, host } = scene;
  const replies: Sale['replies'] = [];
  const body = { products: [{ product_id: productId }] };
  const began = performance.now();
  const turns = { atOnce: sizes.connections, signal: host.signal };
  await inTurns(buyers, turns, async (buyer, index) => {
    const node = town.nodes[index % town.nodes.length];
    const headers = { 'Idempotency-Key': `sale ${buyer.id}` };
    const ask = { token: buyer.access, headers, body };
    const reply = await client.send(node?.url ?? '', 'POST /place-order/', ask);
    replies.push({ ...reply, buyer });
    if (replies.length % progressEvery === 0) host.say(`  ${replies.length} answers`);
  });
  const tookMs = performance.now() - began;
  return { replies, tookMs };
}

async function assess(scene: {
  sale: Sale;
  town: Town;
  productId: string;
  sizes: Sizes;
}): Promise<{ row: string[]; unmet: string[]; others: string[] }> {
  const { sale, town, productId, sizes } = scene;
  const { replies, tookMs } = sale;
  const sold = replies.filter(({ outcome }) => outcome === 201);
  const refused = replies.filter(({ outcome, body }) => outcome === 400 && isSoldOut(body));
  const others = replies.filter((reply) => !sold.includes(reply) && !refused.includes(reply));
  const [product] = await town.database.rows('SELECT stock FROM products WHERE id = $1', [
    productId,
  ]);
  const orders = await town.database.rows(
    `SELECT o.id, o.buyer_id FROM orders o JOIN order_lines l ON l.order_id = o.id
    WHERE l.product_id = $1 AND l.quantity = 1`,
    [productId],
  );
  const kept = new Set(orders.map(({ id, buyer_id }) => `${buyer_id} ${id}`));
  const lost = sold.filter(({ buyer, body }) => !kept.has(`${buyer.id} ${body.order_id}`));
  const expected = Math.min(sizes.units, replies.length);
  const left = sizes.units - expected;
  const latencies = replies.map(({ sentAt, endedAt }) => endedAt - sentAt);
  const [p50 = 0, p99 = 0, max = 0] = [0.5, 0.99, 1].map((share) => percentile(latencies, share));
  const counts = [replies.length, sold.length, refused.length, others.length];
  const perSecond = (replies.length / tookMs) * 1000;
  const ms = [p50, p99, max].map((one) => `${one.toFixed(0)} ms`);
  const row = [...counts.map(String), perSecond.toFixed(0), ...ms];
  return {
    row: [...row, String(product.stock), String(kept.size)],
    unmet: unmetOf([
      [sold.length === expected, `${sold.length} sold, not ${expected}`],
      none(others.length, 'other answer'),
      [product.stock === left, `${product.stock} left in stock, not ${left}`],
      [kept.size === sold.length, `${kept.size} orders kept of ${sold.length}`],
      none(lost.length, 'lost order'),
      inTime('p99', p99, sizes.p99BarMs),
    ]),
    others: others.map(({ outcome, body }) => `${outcome} ${JSON.stringify(body)}`),
  };
}

const isSoldOut = (body: unknown): boolean =>
  JSON.stringify(body) === '{"error":"Insufficient stock for product Thing 1"}';
