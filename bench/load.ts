import { createRequire } from 'node:module';
import type Autocannon from 'autocannon';

// Never bundled: what it requires in turn could not be found from an ES module.
const autocannon = createRequire(import.meta.url)('autocannon') as typeof Autocannon;

export interface LoadRequest {
  method: 'GET' | 'POST';
  path: string;
  headers: Record<string, string>;
  body?: string;
}

/** What a load process is sent. */
export interface LoadJob {
  url: string;
  seconds: number;
  /** one connection for each list, which it repeats, one request after the other */
  connections: LoadRequest[][];
}

export interface LoadResult {
  answered: number;
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
}

/** The load generator, in a process of its own: one job, one answer. */
process.once('disconnect', () => process.exit());
process.once('message', (job) => {
  generate(job as LoadJob).then(
    (result) => process.send?.(result, () => process.disconnect()),
    (error: unknown) => {
      process.stderr.write(`${String(error)}\n`);
      process.exit(1);
    },
  );
});

async function generate({ url, seconds, connections }: LoadJob): Promise<LoadResult> {
  let next = 0;
  const result = await autocannon({
    url,
    duration: seconds,
    connections: connections.length,
    setupClient(client) {
      client.setRequests(connections[next % connections.length] ?? []);
      next += 1;
    },
  });
  // A refused or lost request is no work done: then nothing here may be believed.
  if (result.non2xx + result.errors + result.timeouts > 0) {
    const { non2xx, errors, timeouts, statusCodeStats } = result;
    const statuses = JSON.stringify(statusCodeStats);
    throw new Error(`${non2xx} refused, ${errors} errors, ${timeouts} late: ${statuses}`);
  }
  const answered = result['2xx'];
  const { p50, p99 } = result.latency;
  return { answered, perSecond: answered / result.duration, p50Ms: p50, p99Ms: p99 };
}
