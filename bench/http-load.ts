import { type Bench, fork } from './bench.ts';
import type { LoadJob, LoadResult } from './children/load.ts';
import type { Child } from './processes.ts';
import { cpuSeconds } from './proc.ts';
import type { Run } from './turns.ts';

export const CONNECTIONS = 64;

export type Measured = LoadResult & Pick<Run, 'cpuMicroseconds'>;

const generators = new WeakMap<Bench, Child>();

/** Load from a process of its own on the server at `url`, whose process is `pid`. */
export async function measureLoad(
  bench: Bench,
  job: LoadJob & { pid?: number },
): Promise<Measured> {
  // The same one for all runs: a new process would be slow at first.
  const known = generators.get(bench);
  const generator = known?.isRunning() ? known : fork(bench, 'load');
  generators.set(bench, generator);
  const used = stopwatch(job.pid);
  const result = await generator.ask<LoadResult>(job);
  return { ...result, cpuMicroseconds: used(result.answered) };
}

/** @returns tells the processor time of a process since now, for each of a number of requests */
export function stopwatch(pid: number | undefined): (requests: number) => number | undefined {
  const before = pid === undefined ? undefined : cpuSeconds(pid);
  return (requests) => {
    const after = pid === undefined ? undefined : cpuSeconds(pid);
    if (before === undefined || after === undefined) return undefined;
    return ((after - before) / requests) * 1e6;
  };
}
