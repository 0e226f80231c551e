import type { Bench, Souk } from './bench.ts';
import type { Pressure, PressureJob } from './children/pressure.ts';
import type { Side } from './turns.ts';

const WARM_UP = [64];
const PEAK_COUNTS = [64, 128, 256]; // one of them gives the peak
const SECONDS_TO_FIND = 2;
const MEASURE_INTERVAL_MS = 10; // of Node's monitorEventLoopDelay, which counts it in

export type Press = (job: PressureJob) => Promise<Pressure>;

/**
 * Finds the most that the shop can do. The limit is that, again and again; ours is what it does
 * with twice as much: twice the connections, then twice the rate. The worse of the two counts.
 * @param delays is told how late the event loop is at the peak, p99 in milliseconds
 */
export async function openPeak(
  bench: Bench,
  { souk, press, delays }: { souk: Souk; press: Press; delays: number[] },
): Promise<{ ours: Side; limit: Side }> {
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
      const remark = `${describe(closed)}; ${describe(open)}`;
      return { ...(closed.perSecond < open.perSecond ? closed : open), remark };
    },
  };
  return { ours, limit };
}

async function findPeak(
  { say }: Bench,
  press: Press,
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
