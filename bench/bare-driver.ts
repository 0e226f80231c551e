import { type Bench, fork, type Souk } from './bench.ts';
import { CONNECTIONS } from './http-load.ts';
import type { Run, Side } from './turns.ts';

/** The same statements as the shop's, in a process of its own that does nothing else. */
export function bareDriver(
  bench: Bench,
  { souk, child, database }: { souk: Souk; child: string; database: string },
  /** what else the child is to know for a run */
  prepare: (seconds: number) => Promise<object> | object = () => ({}),
): Side {
  const process = fork(bench, child);
  const job = { server: souk.database, database, loops: CONNECTIONS };
  return {
    name: 'bare driver',
    run: async (seconds) => process.ask<Run>({ ...job, seconds, ...(await prepare(seconds)) }),
    stop: () => process.stop(),
  };
}
