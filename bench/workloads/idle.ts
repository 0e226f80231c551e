import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bench, Workload } from '../bench.ts';
import { residentMb } from '../proc.ts';
import { median, type Row } from '../report.ts';
import { startServer } from '../souk.ts';

const IDLE_MS = 10_000;
const MEMORY_BAR_MB = 130;
const START_BAR_SECONDS = 2;

/** What `npm start` costs before anybody comes: the first start makes and fills the shop. */
export const idle: Workload = {
  name: 'idle',
  alone: true,
  async run(bench) {
    const dataDir = join(bench.folder, 'idle');
    const first = await startAndWait(bench, dataDir, IDLE_MS);
    bench.say(`  first start: ready in ${first.readyMs} ms, then ${first.memoryMb} MB`);
    const later: (typeof first)[] = [];
    for (let round = 1; round <= bench.rounds; round += 1) {
      const again = await startAndWait(bench, dataDir, round === 1 ? IDLE_MS : 0);
      bench.say(`  start ${round + 1}: ready in ${again.readyMs} ms, ${again.memoryMb} MB`);
      later.push(again);
    }
    const readyMs = later.map((one) => one.readyMs);
    return [memoryRow([first, later[0] ?? first]), startRow(readyMs, first.readyMs)];
  },
};

interface Start {
  readyMs: number;
  memoryMb: number | undefined;
}

/** `npm start`'s process, its memory `waitMs` after its start, and its end. */
async function startAndWait(bench: Bench, dataDir: string, waitMs: number): Promise<Start> {
  const program = [bench.places.start, 'serve'];
  const began = Date.now();
  const { child, readyMs } = await startServer(bench, { program, dataDir });
  await sleep(Math.max(0, began + waitMs - Date.now()), undefined, { signal: bench.signal });
  const memoryMb = residentMb(child.pid);
  await child.stop();
  return { readyMs: Math.round(readyMs), memoryMb: memoryMb && Math.round(memoryMb) };
}

function memoryRow(starts: Start[]): Row {
  const measured = starts.map((start) => start.memoryMb ?? Number.NaN);
  const most = Math.max(...measured);
  const notes = [
    `first start ${measured[0]} MB (it loaded the demo shop), second ${measured[1]} MB`,
  ];
  if (Number.isNaN(most)) notes.push('SKIPPED: there is no /proc here');
  return {
    workload: 'idle-memory',
    unit: 'MB',
    ours: most,
    bar: `< ${MEMORY_BAR_MB} MB`,
    ok: most < MEMORY_BAR_MB,
    notes,
    rounds: starts,
  };
}

function startRow(readyMs: number[], firstMs: number): Row {
  const ms = median(readyMs);
  return {
    workload: 'second-start',
    unit: 'ms',
    ours: ms,
    bar: `< ${START_BAR_SECONDS} s`,
    ok: ms < START_BAR_SECONDS * 1000,
    notes: [`the first start, which makes the database and loads the demo shop: ${firstMs} ms`],
    rounds: readyMs.map((value) => ({ readyMs: value })),
  };
}
