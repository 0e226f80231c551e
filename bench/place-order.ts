import { type Bench, measureLoad, type Measured, type Souk, type Workload } from './bench.ts';
import { LIMIT_DATABASE, openLimitShop, settle } from './limit-shop.ts';
import type { LoadRequest } from './load.ts';
import { type Market, openMarket } from './market.ts';
import { findPgbench, type PgbenchResult, runPgbench } from './pgbench.ts';
import { median, type Row } from './report.ts';
import { withDatabase } from './souk.ts';

const WARM_UP_SECONDS = 2;
const ORDERS_OF_CONNECTION = 50; // then it begins again
const BAR = 1.5;

/** Everybody wants the same product. */
export const hotProduct: Workload = {
  name: 'place-order-hot',
  run: (bench) => measureOrders(bench, { workload: 'place-order-hot', hot: true }),
};

/** Each order is for a product at random, of many sellers. */
export const distinctProducts: Workload = {
  name: 'place-order-distinct',
  run: (bench) => measureOrders(bench, { workload: 'place-order-distinct', hot: false }),
};

interface Round {
  ours: Measured;
  limits: PgbenchResult[];
}

interface Prepared {
  souk: Souk;
  market: Market;
  pgbench: string | undefined;
}

const prepared = new WeakMap<Bench, Promise<Prepared>>();

/** The sellers, buyers and products of both workloads, in both databases, made once. */
async function prepare(bench: Bench): Promise<Prepared> {
  const souk = await bench.souk();
  const market = await openMarket(bench, souk.url);
  const pgbench = findPgbench(bench.environment);
  if (pgbench === undefined) {
    bench.say('SKIPPED: the limit. pgbench is not here (apt-get install postgresql)');
  }
  await openLimitShop(bench, souk);
  await settle(souk);
  return { souk, market, pgbench };
}

async function measureOrders(
  bench: Bench,
  { workload, hot }: { workload: string; hot: boolean },
): Promise<Row[]> {
  const preparing = prepared.get(bench) ?? prepare(bench);
  prepared.set(bench, preparing);
  const { souk, market, pgbench } = await preparing;
  const { url, child, database: server } = souk;
  const productIds = hot ? market.productIds.slice(0, 1) : market.productIds;
  const connections = market.buyerTokens.map((token) => ordersOf(token, productIds));
  const ours = (seconds: number) =>
    measureLoad(bench, { url, seconds, connections, pid: child.pid });

  const ordersBefore = await countOrders(souk);
  const rounds: Round[] = [];
  let answered = (await ours(WARM_UP_SECONDS)).answered;
  for (let round = 1; round <= bench.rounds; round += 1) {
    const measured = await ours(bench.seconds);
    const products = productIds.length;
    const limits = pgbench
      ? await runPgbench(bench, { pgbench, server, database: LIMIT_DATABASE, products })
      : [];
    rounds.push({ ours: measured, limits });
    answered += measured.answered;
    const limit = limits.map((one) => `${Math.round(one.perSecond)} (${one.clients} clients)`);
    bench.say(
      `  round ${round}: ours ${Math.round(measured.perSecond)}/s, pgbench ${limit.join(', ')}`,
    );
  }
  const made = (await countOrders(souk)) - ordersBefore;
  // When a run ends, the last order of each connection is made, but its answer not waited for.
  const unheard = (bench.rounds + 1) * connections.length;
  const exact = made >= answered && made <= answered + unheard;
  const conserved = (await verify(bench, souk)) && exact;
  const counted = `${answered} orders acknowledged, ${made} in the database`;
  const proof = conserved ? 'souk verify holds for both databases' : 'NOT CONSERVED';
  return [summarise(rounds, { workload, notes: [`${counted}; ${proof}`], conserved })];
}

/** Orders of one unit for one buyer, of products at random, the same in each run. */
function ordersOf(token: string, productIds: string[]): LoadRequest[] {
  return Array.from({ length: ORDERS_OF_CONNECTION }, () => {
    const product_id = productIds[Math.floor(Math.random() * productIds.length)];
    return {
      method: 'POST',
      path: '/place-order/',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ products: [{ product_id, quantity: 1 }] }),
    };
  });
}

async function countOrders({ database }: Souk): Promise<number> {
  const { rows } = await withDatabase(database, 'souk', (client) =>
    client.query<{ n: string }>('SELECT count(*) AS n FROM orders'),
  );
  return Number(rows[0]?.n);
}

/** Stock, orders and streams add up, in the shop's database and in the one of pgbench. */
async function verify(bench: Bench, souk: Souk): Promise<boolean> {
  for (const database of [undefined, LIMIT_DATABASE]) {
    try {
      await souk.command(['verify'], database);
    } catch (error) {
      bench.signal.throwIfAborted();
      bench.say(String(error));
      return false;
    }
  }
  return true;
}

const best = (limits: PgbenchResult[]): PgbenchResult | undefined =>
  limits.toSorted((a, b) => b.perSecond - a.perSecond)[0];

function summarise(
  rounds: Round[],
  { workload, notes, conserved }: { workload: string; notes: string[]; conserved: boolean },
): Row {
  const middle = (value: (round: Round) => number) => median(rounds.map(value));
  const compared = rounds.every(({ limits }) => limits.length > 0);
  const limitOf = ({ limits }: Round) => best(limits)?.perSecond ?? 0;
  const ratio = compared ? middle((round) => round.ours.perSecond / limitOf(round)) : undefined;
  const cpu = middle(({ ours }) => ours.cpuMicroseconds ?? 0);
  const clients = rounds.map(({ limits }) => best(limits)?.clients).join(', ');
  const cost = `app CPU for an order ${cpu.toFixed(0)} µs; best clients of pgbench: ${clients}`;
  return {
    workload,
    unit: 'orders/s',
    ours: middle(({ ours }) => ours.perSecond),
    limit: compared ? middle(limitOf) : undefined,
    ratio,
    p50Ms: middle(({ ours }) => ours.p50Ms),
    p99Ms: middle(({ ours }) => ours.p99Ms),
    bar: `≥ ${BAR}`,
    ok: conserved && ratio !== undefined && ratio >= BAR,
    notes: [...notes, cost, ...(compared ? [] : ['NOT COMPARED: pgbench is missing'])],
    rounds,
  };
}
