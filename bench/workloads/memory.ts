import { join } from 'node:path';
import type { Bench, Workload } from '../bench.ts';
import type { LoadClient } from '../children/load.ts';
import { CONNECTIONS, measureLoad } from '../http-load.ts';
import { buyerId, openMarket } from '../market.ts';
import { residentMb } from '../proc.ts';
import { median, type Row } from '../report.ts';
import { startSouk } from '../souk.ts';
import { orderOf } from './place-order.ts';

const SAMPLE_MS = 1_000;
const BAR = 1.1;
const ORDERED_PRODUCTS = 640;

/** Whether the memory of a shop under full load, lists and orders, comes to an end of growing. */
export const memory: Workload = {
  name: 'memory',
  alone: true,
  onRequest: true,
  async run(bench) {
    const souk = await startSouk(bench, join(bench.folder, 'memory'));
    const { headersOf } = await openMarket(bench, souk);
    const orders = Array.from({ length: ORDERED_PRODUCTS }, (_, index) => orderOf([1 + index]));
    const clients = Array.from({ length: CONNECTIONS }, (_, index): LoadClient => {
      const headers = headersOf(buyerId(index));
      const list = [{ method: 'GET' as const, path: '/list-product/' }];
      return { headers, requests: index % 2 === 0 ? list : orders };
    });
    const seconds = bench.minutes * 60;
    const samples: number[] = [];
    const sample = setInterval(() => {
      samples.push(residentMb(souk.child.pid) ?? Number.NaN);
      if (samples.length % 60 === 0) sayMinute(bench, samples);
    }, SAMPLE_MS);
    const { perSecond, p50Ms, p99Ms } = await measureLoad(bench, {
      url: souk.url,
      seconds,
      clients,
    }).finally(() => clearInterval(sample));
    await souk.child.stop();
    const note = `${Math.round(perSecond)} requests/s, half of the connections order`;
    return [{ ...summarise(samples, note), p50Ms, p99Ms }];
  },
};

function sayMinute({ say }: Bench, samples: number[]): void {
  const last = samples.slice(-60).toSorted((a, b) => a - b);
  const [least, most] = [last[0] ?? 0, last.at(-1) ?? 0].map(Math.round);
  say(`  minute ${samples.length / 60}: ${least} to ${most} MB`);
}

function summarise(samples: number[], note: string): Row {
  const third = Math.floor(samples.length / 3);
  const middle = median(samples.slice(third, 2 * third));
  const last = median(samples.slice(2 * third));
  const most = Math.max(...samples);
  const notes = [note, `from ${Math.round(samples[0] ?? 0)} to at most ${Math.round(most)} MB`];
  if (Number.isNaN(most)) notes.push('SKIPPED: there is no /proc here');
  return {
    workload: 'memory',
    unit: 'MB',
    ours: last,
    limit: middle,
    ratio: last / middle,
    bar: `≤ ${BAR.toFixed(2)}`,
    ok: last / middle <= BAR,
    notes: [...notes, 'ours: median of the last third of the time; limit: of the second'],
    rounds: samples.map((memoryMb) => ({ memoryMb })),
  };
}
