import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bench, Workload } from '../bench.ts';
import { residentMb } from '../proc.ts';
import type { Row } from '../report.ts';
import { startServer } from '../souk.ts';

const IDLE_MS = 10_000;
const MEMORY_BAR_MB = 130;

/** What `npm start` costs before anybody comes: the first start makes and fills the shop. */
export const idle: Workload = {
  name: 'idle',
  alone: true,
  async run(bench) {
    const dataDir = join(bench.folder, 'idle');
    const first = await memoryAfterStart(bench, dataDir);
    const second = await memoryAfterStart(bench, dataDir);
    bench.say(`  after the first start ${first} MB, after the second ${second} MB`);
    return [memoryRow([first, second])];
  },
};

/** Of `npm start`'s process, some time after its start. */
async function memoryAfterStart(bench: Bench, dataDir: string): Promise<number> {
  const program = [bench.places.start, 'serve'];
  const began = Date.now();
  const { child } = await startServer(bench, { program, dataDir });
  await sleep(Math.max(0, began + IDLE_MS - Date.now()), undefined, { signal: bench.signal });
  const memoryMb = residentMb(child.pid) ?? Number.NaN;
  await child.stop();
  return Math.round(memoryMb);
}

function memoryRow(starts: number[]): Row {
  const most = Math.max(...starts);
  const notes = [`first start ${starts[0]} MB (it loaded the demo shop), second ${starts[1]} MB`];
  if (Number.isNaN(most)) notes.push('SKIPPED: there is no /proc here');
  return {
    workload: 'idle',
    unit: 'MB',
    ours: most,
    bar: `< ${MEMORY_BAR_MB} MB`,
    ok: most < MEMORY_BAR_MB,
    notes,
    rounds: starts.map((memoryMb) => ({ memoryMb })),
  };
}
