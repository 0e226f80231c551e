import { answerJobs } from '../job.ts';
import { pace } from '../pace.ts';
import { percentiles } from '../percentiles.ts';
import { openWires, type Wire } from '../wire.ts';

export type PressureJob =
  | { open: string; requests: string[] }
  /** each of some connections sends when it has its answer */
  | { seconds: number; connections: number }
  /** requests arrive at a rate, whatever the answers do; all connections are used */
  | { seconds: number; perSecond: number };

export interface Pressure {
  /** requests sent */
  offeredPerSecond: number;
  /** those done in time: 2xx */
  perSecond: number;
  /** all that were ever answered 2xx */
  done: number;
  p50Ms: number;
  p99Ms: number;
  /** answered 503 with Retry-After */
  shed: number;
  /** answered anything else; the first such head */
  wrong: number;
  example: string | undefined;
}

const LEAD_MS = 1_500; // until queues are as full as they get; what is done then is not counted

let callers: { wire: Wire; request: string }[] = [];

/** A crowd of connections, each with its request; the first job opens them. */
answerJobs(async (job: PressureJob) => {
  if (!('open' in job)) return press(job);
  const wires = await openWires(job.open, job.requests.length);
  callers = wires.map((wire, index) => ({ wire, request: job.requests[index] ?? '' }));
  return { open: callers.length };
});

async function press(job: Exclude<PressureJob, { open: string }>): Promise<Pressure> {
  const began = performance.now();
  const seconds = job.seconds + LEAD_MS / 1000;
  const times: number[] = [];
  const result = { done: 0, shed: 0, wrong: 0, example: undefined as string | undefined };
  let sent = 0;
  const call = async ({ wire, request }: (typeof callers)[number]): Promise<void> => {
    const at = performance.now();
    sent += 1;
    const { status, head } = await wire.ask(request);
    const now = performance.now();
    const isCounted = now > began + LEAD_MS && now < began + seconds * 1000;
    if (status >= 200 && status < 300) {
      result.done += 1;
      if (isCounted) times.push(now - at);
    } else if (status === 503 && /^retry-after: \d+/im.test(head)) {
      result.shed += 1;
    } else {
      result.wrong += 1;
      result.example ??= head;
    }
  };
  if ('perSecond' in job) {
    await pace({ perSecond: job.perSecond, seconds, callers }, call);
  } else {
    const loop = async (caller: (typeof callers)[number]): Promise<void> => {
      while (performance.now() < began + seconds * 1000) await call(caller);
    };
    await Promise.all(callers.slice(0, job.connections).map(loop));
  }
  const rates = { offeredPerSecond: sent / seconds, perSecond: times.length / job.seconds };
  return { ...rates, ...percentiles(times), ...result };
}
