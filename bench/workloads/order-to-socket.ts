import { fork, type Workload } from '../bench.ts';
import type { OrderToSocket, OrderToSocketJob } from '../children/order-to-socket.ts';
import { buyerId, type Market, size } from '../market.ts';
import { median, type Row } from '../report.ts';
import { allowedSockets } from '../sockets.ts';
import { type Round, takeTurns } from '../turns.ts';
import type { WireRequest } from '../wire.ts';
import { orderOf } from './place-order.ts';

const SOCKETS = 1_000;
const ORDERS_PER_SECOND = 200;
const P50_BAR_MS = 15;
const P99_BAR_MS = 100;

/** How long it takes from sending an order until its seller and its buyer hear of it. */
export const orderToSocket: Workload = {
  name: 'order-to-socket',
  async run(bench) {
    const market = await bench.market();
    const buyers = Array.from(
      { length: allowedSockets(bench, SOCKETS) - size.sellers },
      (_, index) => buyerId(index),
    );
    const child = fork(bench, 'order-to-socket');
    await child.ask(openJob(market, buyers));
    const orders = buyers.map(
      (id, index): WireRequest => ({ ...orderOf([1 + index]), headers: market.headersOf(id) }),
    );
    const runs: OrderToSocket[] = [];
    const rounds = await takeTurns(bench, {
      name: 'orders',
      async run(seconds) {
        const job = { seconds, ordersPerSecond: ORDERS_PER_SECOND, orders };
        const run = await child.ask<OrderToSocket>(job satisfies OrderToSocketJob);
        runs.push(run);
        const { p50Ms = 0, p99Ms = 0 } = run;
        return { ...run, remark: `p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms` };
      },
    });
    await child.stop();
    return [summarise(rounds, { runs, sockets: buyers.length + size.sellers })];
  },
};

function openJob({ souk, headersOf }: Market, buyers: number[]): OrderToSocketJob {
  const sellers = Array.from({ length: size.sellers }, (_, index) => 1 + index);
  const users = [...sellers, ...buyers].map((id) => ({
    path: '/ws/notifications/',
    headers: headersOf(id),
  }));
  return { open: souk.url, users };
}

function summarise(
  rounds: Round[],
  { runs, sockets }: { runs: OrderToSocket[]; sockets: number },
): Row {
  const p50Ms = median(rounds.map(({ ours }) => ours.p50Ms ?? Number.NaN));
  const p99Ms = median(rounds.map(({ ours }) => ours.p99Ms ?? Number.NaN));
  const orders = runs.reduce((sum, one) => sum + one.orders, 0);
  const missing = runs.reduce((sum, one) => sum + one.missing, 0);
  return {
    workload: 'order-to-socket',
    unit: 'orders/s',
    ours: median(rounds.map(({ ours }) => ours.perSecond)),
    p50Ms,
    p99Ms,
    bar: `p50 ≤ ${P50_BAR_MS}, p99 ≤ ${P99_BAR_MS} ms`,
    ok: p50Ms <= P50_BAR_MS && p99Ms <= P99_BAR_MS && missing === 0,
    notes: [
      `${sockets} sockets; p50 and p99: from sending the order to the frames at seller and buyer`,
      `${orders} orders, ${missing} of ${orders * 2} frames missing or doubled`,
    ],
    rounds,
  };
}
