import cluster, { type Worker } from 'node:cluster';
import { fileURLToPath } from 'node:url';
import type { Logger } from 'pino';
import { AggregatorRegistry } from 'prom-client';
import type { Context } from '../context.ts';
import { limits } from '../kernel/limits.ts';

interface Message {
  /** to be passed on to the other workers: see `workerTransport` */
  hint?: string;
  /** a question for the metrics of all workers, and its answer */
  metrics?: number;
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
    } else if (message.metrics !== undefined) {
      aggregator.clusterMetrics().then(
        (text) => tell(sender, { metrics: message.metrics, text }),
        (error: unknown) => log.warn({ err: error }, 'could not add up the metrics'),
      );
    }
  });
  cluster.on('listening', () => {
    listening += 1;
    if (listening === workers) ready();
  });

  await new Promise<void>((resolve) => {
    cluster.on('exit', (worker, code, signal) => {
      if (stop.aborted) {
        if (Object.keys(cluster.workers ?? {}).length === 0) resolve();
        return;
      }
      log.error({ pid: worker.process.pid, code, signal }, 'a worker died; starting another');
      setTimeout(() => stop.aborted || fork(), limits.workerRestartMs);
    });
    stop.addEventListener('abort', () => {
      for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill('SIGTERM');
      if (Object.keys(cluster.workers ?? {}).length === 0) resolve();
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
    if (message.metrics === undefined) return;
    waiting.get(message.metrics)?.(message.text ?? '');
    waiting.delete(message.metrics);
  });
  return async () => {
    count += 1;
    const question = count;
    process.send?.({ metrics: question }, () => undefined);
    return new Promise((resolve) => {
      waiting.set(question, resolve);
      setTimeout(() => {
        // The primary is busy or gone: this worker's own are better than none.
        if (waiting.delete(question)) resolve(metrics.registry.metrics());
      }, limits.workerMetricsMs).unref();
    });
  };
}
