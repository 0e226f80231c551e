import { type Bench, fork, type Workload } from '../bench.ts';
import type { OrdersAndReads, OrdersAndReadsJob } from '../children/orders-and-reads.ts';
import { CONNECTIONS, measureLoad } from '../http-load.ts';
import { buyerId, type Market } from '../market.ts';
import { productId } from '../market-rows.ts';
import { findPgbench, runPgbench } from '../pgbench.ts';
import type { Child } from '../processes.ts';
import { median } from '../report.ts';
import { compare, type Run, takeTurns } from '../turns.ts';

const ORDERS_PER_SECOND = 200;
const ORDERED_PRODUCTS = 640;
const workload = 'list-product-changing';

/** The first page while orders change stocks, some of what it shows, against the page at rest. */
export const listProductChanging: Workload = {
  name: workload,
  async run(bench) {
    const market = await bench.market();
    const seen: OrdersAndReads[] = [];
    const buyers = fork(bench, 'orders-and-reads'); // one for all rounds: it takes time to start
    const rounds = await takeTurns(
      bench,
      {
        name: 'while stock changes',
        run: (seconds) => whileChanging(bench, { market, buyers, seconds, seen }),
        stop: () => buyers.stop(),
      },
      { name: 'at rest', run: (seconds) => atRest(bench, market, seconds) },
    );
    const reads = seen.reduce((sum, one) => sum + one.reads, 0);
    const stale = seen.reduce((sum, one) => sum + one.stale, 0);
    const example = seen.flatMap((one) => one.example ?? [])[0];
    const note = `read after ${reads} orders of what the page shows: ${stale} stale`;
    const notes = example === undefined ? [note] : [note, `STALE: ${example}`];
    notes.push(await besidePgbench(bench, market, rounds.length));
    const right = stale === 0 && reads > 0;
    return [compare(rounds, { workload, unit: 'req/s', bar: 0.8, notes, right })];
  },
};

/** What as many orders cost the list when no shop takes them: PostgreSQL's share of it. */
async function besidePgbench(bench: Bench, market: Market, rounds: number): Promise<string> {
  const pgbench = findPgbench(bench.environment);
  if (pgbench === undefined) return 'without pgbench: its share is not known';
  const { database: server } = market.souk;
  const script = { pgbench, server, script: 'place-order.sql', products: ORDERED_PRODUCTS };
  const pace = { clients: 4, seconds: bench.seconds, perSecond: ORDERS_PER_SECOND };
  const ratios: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const [beside] = await Promise.all([
      atRest(bench, market, pace.seconds),
      runPgbench(bench, { ...script, ...pace }),
    ]);
    const rest = await atRest(bench, market, pace.seconds);
    ratios.push(beside.perSecond / rest.perSecond);
  }
  const ratio = median(ratios).toFixed(2);
  return `beside pgbench with ${ORDERS_PER_SECOND} orders/s instead of ours: ${ratio}`;
}

function atRest(bench: Bench, { souk, headersOf }: Market, seconds: number): Promise<Run> {
  const requests = [{ method: 'GET' as const, path: '/list-product/' }];
  const client = { headers: headersOf(buyerId(0)), requests };
  const clients = Array.from({ length: CONNECTIONS }, () => client);
  return measureLoad(bench, { url: souk.url, seconds, clients, pid: souk.child.pid });
}

async function whileChanging(
  bench: Bench,
  {
    market,
    buyers,
    seconds,
    seen,
  }: { market: Market; buyers: Child; seconds: number; seen: OrdersAndReads[] },
): Promise<Run> {
  const { souk, headersOf } = market;
  const job: OrdersAndReadsJob = {
    url: souk.url,
    seconds,
    ordersPerSecond: ORDERS_PER_SECOND,
    headers: Array.from({ length: CONNECTIONS }, (_, index) => headersOf(buyerId(index))),
    otherProductIds: Array.from({ length: ORDERED_PRODUCTS }, (_, index) => productId(100 + index)),
  };
  const [run, changes] = await Promise.all([
    atRest(bench, market, seconds),
    buyers.ask<OrdersAndReads>(job),
  ]);
  seen.push(changes);
  const rate = changes.orders / seconds;
  return { ...run, remark: `with ${Math.round(rate)} orders/s` };
}
