import { type Bench, fork, type Workload } from '../bench.ts';
import type { Pressure, PressureJob } from '../children/pressure.ts';
import { buyerId, type Market, size } from '../market.ts';
import { median, type Row } from '../report.ts';
import { allowedSockets } from '../sockets.ts';
import { compare, type Round, type Side, takeTurns } from '../turns.ts';
import { requestText, type WireRequest } from '../wire.ts';
import { orderOf } from './place-order.ts';

const CONNECTIONS = 6_000; // more than checkouts may wait (limits.checkoutQueueOrders)
const WARM_UP = [64];
const PEAK_COUNTS = [64, 128, 256]; // one of them gives the peak
const SECONDS_TO_FIND = 2;
const ORDERED_PRODUCTS = 640;
const BAR = 0.8;
const DELAY_BAR_MS = 20;
const MEASURE_INTERVAL_MS = 10; // of Node's monitorEventLoopDelay, which counts it in

/** Twice as much as the shop can do: what it does then, against what it does at its best. */
export const overload: Workload = {
  name: 'overload',
  async run(bench) {
    const market = await bench.market();
    const order = (index: number) => orderOf([1 + (index % ORDERED_PRODUCTS)]);
    const list = () => ({ method: 'GET' as const, path: '/list-product/' });
    return [
      ...(await measureOverload(bench, { market, what: 'orders', request: order })),
      ...(await measureOverload(bench, { market, what: 'list', request: list })),
    ];
  },
};

interface Kind {
  market: Market;
  what: string;
  request(index: number): Omit<WireRequest, 'headers'>;
}

async function measureOverload(bench: Bench, kind: Kind): Promise<Row[]> {
  const { market, what } = kind;
  const { souk } = market;
  const crowd = fork(bench, 'pressure');
  await crowd.ask(openJob(kind, allowedSockets(bench, CONNECTIONS)));
  const delays: number[] = []; // of the event loop at the peak
  const seen: Pressure[] = [];
  const press = (job: PressureJob): Promise<Pressure> => crowd.ask<Pressure>(job);
  const peak = await findPeak(bench, press);
  const limit: Side = {
    name: 'peak',
    async run(seconds) {
      await readDelayMs(souk.url); // begins to count anew
      const run = await press({ seconds, connections: peak.connections });
      delays.push(await readDelayMs(souk.url));
      peak.perSecond = run.perSecond;
      return run;
    },
  };
  const ours: Side = {
    name: 'overloaded',
    async run(seconds) {
      const closed = await press({ seconds, connections: peak.connections * 2 });
      const open = await press({ seconds, perSecond: peak.perSecond * 2 });
      seen.push(closed, open);
      const remark = `${describe(closed)}; ${describe(open)}`;
      return { ...(closed.perSecond < open.perSecond ? closed : open), remark };
    },
  };
  const rounds = await takeTurns(bench, ours, limit);
  await crowd.stop();
  return [goodputRow(rounds, { what, seen }), delayRow(delays, what)];
}

function openJob({ market, request }: Kind, connections: number): PressureJob {
  const requests = Array.from({ length: connections }, (_, index) => {
    const headers = market.headersOf(buyerId(index % size.buyers));
    return requestText({ ...request(index), headers });
  });
  return { open: market.souk.url, requests };
}

async function findPeak(
  { say }: Bench,
  press: (job: PressureJob) => Promise<Pressure>,
): Promise<{ connections: number; perSecond: number }> {
  const found: { connections: number; perSecond: number }[] = [];
  for (const connections of [...WARM_UP, ...PEAK_COUNTS]) {
    const { perSecond } = await press({ seconds: SECONDS_TO_FIND, connections });
    found.push({ connections, perSecond });
  }
  const [best] = found.slice(WARM_UP.length).toSorted((a, b) => b.perSecond - a.perSecond);
  say(`  most with ${best?.connections} connections: ${Math.round(best?.perSecond ?? 0)}/s`);
  return best ?? { connections: 0, perSecond: 0 };
}

const describe = ({ offeredPerSecond, perSecond, shed }: Pressure): string =>
  `${Math.round(perSecond)} of ${Math.round(offeredPerSecond)} offered, ${shed} shed`;

/** The 99th percentile since the last reading, by the shop's own measure, less its interval. */
async function readDelayMs(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const seconds = /^nodejs_eventloop_lag_p99_seconds (\S+)$/m.exec(text)?.[1];
  return Number(seconds) * 1000 - MEASURE_INTERVAL_MS;
}

function goodputRow(rounds: Round[], { what, seen }: { what: string; seen: Pressure[] }): Row {
  const wrong = seen.reduce((sum, one) => sum + one.wrong, 0);
  const shed = seen.reduce((sum, one) => sum + one.shed, 0);
  const example = seen.flatMap((one) => one.example ?? [])[0];
  const notes = [`${shed} shed, all with 503 and Retry-After`];
  if (example !== undefined) notes[0] = `${shed} shed, but ${wrong} answered otherwise: ${example}`;
  const right = wrong === 0;
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
