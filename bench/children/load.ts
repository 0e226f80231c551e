import { answerJobs } from '../job.ts';
import { percentiles } from '../percentiles.ts';
import { openWires, requestText, type Wire, type WireRequest } from '../wire.ts';

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

/**
 * The load generator: each connection sends its next request when the last is answered. Whatever
 * was sent is waited for. A refused or lost request is no work done, and fails the run.
 */
answerJobs(async ({ url, seconds, clients, once }: LoadJob): Promise<LoadResult> => {
  const texts = clients.map(({ headers, requests }) =>
    requests.map((request) => requestText({ ...request, headers })),
  );
  const wires = await openWires(url, clients.length);
  const times: number[] = [];
  const began = performance.now();
  const end = began + seconds * 1000;
  const loop = async (wire: Wire, index: number): Promise<void> => {
    const requests = texts[index] ?? [];
    for (let next = 0, at = began; at < end; next += 1) {
      if (once && next === requests.length) throw new Error('Too few requests were prepared');
      const { status, head, body } = await wire.ask(requests[next % requests.length] ?? '');
      if (status < 200 || status >= 300) throw new Error(`${head}\n${body.toString()}`);
      const now = performance.now();
      times.push(now - at);
      at = now;
    }
  };
  await Promise.all(wires.map(loop));
  const elapsed = (performance.now() - began) / 1000;
  for (const wire of wires) wire.close();
  return { answered: times.length, perSecond: times.length / elapsed, ...percentiles(times) };
});
