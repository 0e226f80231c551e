import cluster from 'node:cluster';
import { parseArgs } from 'node:util';
import { type App, buildApp } from '../app.ts';
import { type Config, loadConfig } from '../config.ts';
import { type Context, openContext } from '../context.ts';
import { errorCode } from '../kernel/db-errors.ts';
import { OperatorError } from '../kernel/errors.ts';
import { armFailpoint } from '../kernel/failpoints.ts';
import { limits } from '../kernel/limits.ts';
import { type Command, say } from './command.ts';
import { demoAccounts, seedEmptyShop } from './seed.ts';
import { metricsOfAllWorkers, runWorkers } from './workers.ts';

export const serve: Command = {
  summary: 'run the shop',
  usage: `Usage: souk serve [--workers N]

Starts the shop on HOST:PORT: opens the database (an embedded PostgreSQL unless DATABASE_URL names
one), migrates it, loads the demo shop into an empty one (DEMO_DATA), and serves until SIGTERM or
Ctrl-C, finishing what runs.

  --workers N   N processes on one port, to use the cores of this machine (1 to 64)`,
  async run(args, stop) {
    const { values } = parseArgs({ args, options: { workers: { type: 'string' } } });
    const workers = Number(values.workers ?? 1);
    if (!Number.isInteger(workers) || workers < 1 || workers > 64) {
      throw new OperatorError('--workers takes a whole number from 1 to 64');
    }
    const config = loadConfig();
    const context = await openContext(config);
    try {
      if (!config.isWorker) await prepare(context, stop);
      if (stop.aborted) return 0;
      if (workers > 1 && cluster.isPrimary) {
        await runWorkers({ workers, log: context.log, stop, ready: () => welcome(config) });
      } else {
        await serveUntil(context, stop);
      }
      return 0;
    } finally {
      await context.close();
    }
  },
};

async function prepare(context: Context, stop: AbortSignal): Promise<void> {
  if (context.config.demoData) await seedEmptyShop(context, stop);
}

async function serveUntil(context: Context, stop: AbortSignal): Promise<void> {
  const { config, log } = context;
  const app = await buildApp(context, config.isWorker ? metricsOfAllWorkers(context) : undefined);
  try {
    await listen(app, config);
  } catch (error) {
    await app.close();
    throw error;
  }
  if (config.failpoint) {
    log.warn(config.failpoint, 'FAILPOINT is set: this process is going to kill itself');
    armFailpoint(config.failpoint);
  }
  if (!config.isWorker) welcome(config);
  await new Promise<void>((resolve) => {
    if (stop.aborted) resolve();
    stop.addEventListener('abort', () => resolve());
  });
  log.info('stopping: running requests finish, sockets are told to reconnect');
  const drained = await Promise.race([app.close().then(() => true), after(limits.drainMs)]);
  if (!drained) log.warn(`some requests did not finish in ${limits.drainMs / 1000} s`);
}

async function listen({ http }: App, { host, port }: Config): Promise<void> {
  try {
    await http.listen({ host, port });
  } catch (error) {
    const reason = {
      EADDRINUSE: 'the port is taken. Stop what uses it, or set PORT to a free one.',
      EACCES: 'this user may not. Set PORT to 1024 or more.',
      ENOTFOUND: 'no machine has this name. Set HOST to an address of this one, or 0.0.0.0.',
      EADDRNOTAVAIL: 'this machine has no such address. Set HOST to one it has, or 0.0.0.0.',
    }[errorCode(error)];
    if (reason === undefined) throw error;
    throw new OperatorError(`Cannot listen on ${host}:${port}: ${reason}`);
  }
}

const after = (ms: number): Promise<false> =>
  new Promise((resolve) => setTimeout(() => resolve(false), ms).unref());

/** What somebody who just started the shop wants to know. */
function welcome(config: Config): void {
  const host = ['0.0.0.0', '::'].includes(config.host) ? '127.0.0.1' : config.host;
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${config.port}`;
  const data = config.databaseUrl
    ? 'in the PostgreSQL server of DATABASE_URL'
    : `${config.dataDir} (embedded PostgreSQL)`;
  const lines = [
    '',
    `  Souk is open:  ${url}`,
    `  Try the API:   ${url}/docs`,
    `  Health:        ${url}/healthz   ${url}/readyz   ${url}/metrics`,
    `  Data:          ${data}`,
  ];
  if (config.demoData) lines.push(...demoAccounts());
  say([...lines, ''].join('\n'));
}
