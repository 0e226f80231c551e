import { type Bench, fork, type Workload } from '../bench.ts';
import type { Pressure, PressureJob } from '../children/pressure.ts';
import { buyerId, type Market, size } from '../market.ts';
import { type Effect, orders, type Proof, proveEffects } from '../orders-proof.ts';
import { openPeak } from '../peak.ts';
import { median, type Row } from '../report.ts';
import { allowedSockets } from '../sockets.ts';
import { compare, type Round, takeTurns } from '../turns.ts';
import { requestText, type WireRequest } from '../wire.ts';
import { orderOf } from './place-order.ts';

const CONNECTIONS = 6_000; // more than checkouts may wait (limits.checkoutQueueOrders)
const ORDERED_PRODUCTS = 640;
const BAR = 0.8;
const DELAY_BAR_MS = 20;

/** Twice as much as the shop can do: what it does then, against what it does at its best. */
export const overload: Workload = {
  name: 'overload',
  async run(bench) {
    const market = await bench.market();
    const order = (index: number) => orderOf([1 + (index % ORDERED_PRODUCTS)]);
    const list = () => ({ method: 'GET' as const, path: '/list-product/' });
    return [
      ...(await measureOverload(bench, {
        market,
        what: 'orders',
        changes: orders,
        request: order,
      })),
      ...(await measureOverload(bench, { market, what: 'list', request: list })),
    ];
  },
};

interface Kind {
  market: Market;
  what: string;
  /** what each request leaves in the database */
  changes?: Effect;
  request(index: number): Omit<WireRequest, 'headers'>;
}

async function measureOverload(bench: Bench, kind: Kind): Promise<Row[]> {
  const { market, what } = kind;
  const { souk } = market;
  const crowd = fork(bench, 'pressure');
  await crowd.ask(openJob(kind, allowedSockets(bench, CONNECTIONS)));
  const seen: Pressure[] = [];
  const press = async (job: PressureJob): Promise<Pressure> => {
    const pressure = await crowd.ask<Pressure>(job);
    seen.push(pressure);
    return pressure;
  };
  const delays: number[] = []; // of the event loop at the peak
  let rounds: Round[] = [];
  const measure = async (): Promise<number> => {
    const { ours, limit } = await openPeak(bench, { souk, press, delays });
    rounds = await takeTurns(bench, ours, limit);
    return seen.reduce((sum, { done }) => sum + done, 0);
  };
  const proof = kind.changes
    ? await proveEffects({ bench, souk, effect: kind.changes }, measure)
    : await measure().then(() => undefined);
  await crowd.stop();
  return [goodputRow(rounds, { what, seen, proof }), delayRow(delays, what)];
}

function openJob({ market, request }: Kind, connections: number): PressureJob {
  const requests = Array.from({ length: connections }, (_, index) => {
    const headers = market.headersOf(buyerId(index % size.buyers));
    return requestText({ ...request(index), headers });
  });
  return { open: market.souk.url, requests };
}

function goodputRow(
  rounds: Round[],
  { what, seen, proof }: { what: string; seen: Pressure[]; proof: Proof | undefined },
): Row {
  const wrong = seen.reduce((sum, one) => sum + one.wrong, 0);
  const shed = seen.reduce((sum, one) => sum + one.shed, 0);
  const example = seen.flatMap((one) => one.example ?? [])[0];
  const notes = [`${shed} shed, all with 503 and Retry-After`];
  if (example !== undefined) notes[0] = `${shed} shed, but ${wrong} answered otherwise: ${example}`;
  if (proof) notes.push(proof.note);
  const right = wrong === 0 && proof?.right !== false;
  return compare(rounds, { workload: `overload-${what}`, unit: 'req/s', bar: BAR, notes, right });
}

function delayRow(delays: number[], what: string): Row {
  const ms = median(delays);
  return {
    workload: `event-loop-${what}`,
    unit: 'ms',
    ours: ms,
    bar: `≤ ${DELAY_BAR_MS} ms`,
    ok: ms <= DELAY_BAR_MS,
    notes: ['p99 at the peak, as /metrics tells it less the 10 ms between its measurements'],
    rounds: delays.map((delayMs) => ({ delayMs })),
  };
}
