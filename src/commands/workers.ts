import cluster, { type Worker } from 'node:cluster';
import { fileURLToPath } from 'node:url';
import type { Logger } from 'pino';
import { AggregatorRegistry } from 'prom-client';
import type { Context } from '../context.ts';
import { OperatorError } from '../kernel/errors.ts';
import { limits } from '../kernel/limits.ts';

interface Message {
  /** to be passed on to the other workers: see `workerTransport` */
  hint?: string;
  /** a question for the metrics of all workers, and its answer; prom-client has `metrics` */
  metricsQuestion?: number;
  text?: string;
}

/**
 * Runs `serve` in several processes that share the port, until `stop`. The primary serves
 * nothing: it passes hints on, adds up metrics and replaces workers that die.
 */
export async function runWorkers(options: {
  workers: number;
  log: Logger;
  stop: AbortSignal;
  ready: () => void;
}): Promise<void> {
  const { workers, log, stop, ready } = options;
  // Workers accept by themselves: a connection that the primary were handing to a worker while it
  // dies would stay without an answer for ever.
  cluster.schedulingPolicy = cluster.SCHED_NONE;
  // The bundle itself, so that a worker does not look again whether it must be built.
  cluster.setupPrimary({ exec: fileURLToPath(import.meta.url), args: ['serve'] });
  const aggregator = new AggregatorRegistry();
  let listening = 0;

  const fork = (): void => {
    const worker = cluster.fork({ SOUK_WORKER: '1' });
    worker.on('error', (error) => log.warn({ err: error }, 'a worker cannot be reached'));
  };
  cluster.on('message', (sender: Worker, message: Message) => {
    if (message.hint !== undefined) {
      for (const worker of Object.values(cluster.workers ?? {})) {
        if (worker && worker !== sender) tell(worker, message);
      }
    } else if (message.metricsQuestion !== undefined) {
      aggregator.clusterMetrics().then(
        (text) => tell(sender, { metricsQuestion: message.metricsQuestion, text }),
        (error: unknown) => log.warn({ err: error }, 'could not add up the metrics'),
      );
    }
  });
  cluster.on('listening', () => {
    listening += 1;
    if (listening === workers) ready();
  });

  const all = (): Worker[] => Object.values(cluster.workers ?? {}).flatMap((one) => one ?? []);
  const stopAll = (): void => {
    for (const worker of all()) worker.process.kill('SIGTERM');
  };
  let failure: OperatorError | undefined;
  await new Promise<void>((resolve, reject) => {
    cluster.on('exit', (worker, code, signal) => {
      if (code === 2 && listening < workers && !stop.aborted) {
        // It said what is set up wrongly; starting it again would not help.
        failure ??= new OperatorError('The workers cannot start.');
        stopAll();
      }
      if (stop.aborted || failure) {
        if (all().length > 0) return;
        if (failure) reject(failure);
        else resolve();
      } else {
        log.error({ pid: worker.process.pid, code, signal }, 'a worker died; starting another');
        setTimeout(() => stop.aborted || failure || fork(), limits.workerRestartMs);
      }
    });
    stop.addEventListener('abort', () => {
      stopAll();
      if (all().length === 0) resolve();
    });
    for (let count = 0; count < workers; count += 1) fork();
  });
}

/** A worker may be dying while it is told; the callback takes the error that would end us. */
function tell(worker: Worker, message: Message): void {
  if (worker.isConnected()) worker.send(message, () => undefined);
}

/** In a worker: asks the primary for the metrics of all. */
export function metricsOfAllWorkers({ metrics }: Context): () => Promise<string> {
  AggregatorRegistry.setRegistries([metrics.registry]);
  // Made for its effect: this process then answers the primary's question for its own metrics.
  void new AggregatorRegistry();
  const waiting = new Map<number, (text: string) => void>();
  let count = 0;
  process.on('message', (message: Message) => {
    const { metricsQuestion, text = '' } = message;
    if (metricsQuestion === undefined) return;
    waiting.get(metricsQuestion)?.(text);
    waiting.delete(metricsQuestion);
  });
  return async () => {
    count += 1;
    const question = count;
    process.send?.({ metricsQuestion: question }, () => undefined);
    return new Promise((resolve) => {
      waiting.set(question, resolve);
      setTimeout(() => {
        // The primary is busy or gone: this worker's own are better than none.
        if (waiting.delete(question)) resolve(metrics.registry.metrics());
      }, limits.workerMetricsMs).unref();
    });
  };
}
