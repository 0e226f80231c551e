import { createRequire } from 'node:module';
import type Autocannon from 'autocannon';
import { answerJobs } from '../job.ts';
import type { WireRequest } from '../wire.ts';

// Never bundled: what it requires in turn could not be found from an ES module.
const autocannon = createRequire(import.meta.url)('autocannon') as typeof Autocannon;

export type LoadRequest = Omit<WireRequest, 'headers'>;

/** One connection: it sends its requests one after the other, then begins again. */
export interface LoadClient {
  headers: Record<string, string>;
  requests: LoadRequest[];
}

export interface LoadJob {
  url: string;
  seconds: number;
  clients: LoadClient[];
  /** each request may be sent once only: to begin again is a failure */
  once?: boolean;
}

export interface LoadResult {
  answered: number;
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
}

/** The load generator: each connection sends its next request when the last is answered. */
answerJobs(async ({ url, seconds, clients, once }: LoadJob): Promise<LoadResult> => {
  let next = 0;
  let repeated = false;
  const result = await autocannon({
    url,
    duration: seconds,
    connections: clients.length,
    setupClient(client) {
      const { headers, requests } = clients[next % clients.length] as LoadClient;
      next += 1;
      const withBody = { ...headers, 'content-type': 'application/json' };
      client.setRequests(
        requests.map((request) => ({ ...request, headers: request.body ? withBody : headers })),
      );
      let answered = 0;
      client.on('response', () => {
        answered += 1;
        repeated ||= answered >= requests.length;
      });
    },
  });
  if (once && repeated) throw new Error('The requests prepared were too few for so fast a server');
  // A refused or lost request is no work done: then nothing here may be believed.
  if (result.non2xx + result.errors + result.timeouts > 0) {
    const { non2xx, errors, timeouts, statusCodeStats } = result;
    const statuses = JSON.stringify(statusCodeStats);
    throw new Error(`${non2xx} refused, ${errors} errors, ${timeouts} late: ${statuses}`);
  }
  const answered = result['2xx'];
  const { p50, p99 } = result.latency;
  return { answered, perSecond: answered / result.duration, p50Ms: p50, p99Ms: p99 };
});
