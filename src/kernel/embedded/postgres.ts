import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { DATABASE, DATABASE_USER, diskFull, ensureCluster, readPassword } from './cluster.ts';
import { EmbeddedPostgresError } from './error.ts';
import { prepareSite, type Site, SOCKET_PORT } from './files.ts';
import { errorCode, isAlive, withFileLock } from './process.ts';
import {
  findRunning,
  hasEnded,
  type Log,
  readPostmaster,
  type RunningServer,
  startServer,
  stopServer,
} from './server.ts';

export { EmbeddedPostgresError };

const OWNER_POLL_MS = 1_000; // how soon a database whose owner went away is taken over
const RETRY_MIN_MS = 100;
const RETRY_MAX_MS = 5_000;
const HEALTHY_AFTER_MS = 10_000; // a server that ran this long ends a row of failures

/** A PostgreSQL server of our own, reached over a Unix socket. */
export interface EmbeddedPostgres {
  /** What `pg` needs to connect; `host` is the folder of the socket. */
  connection: { host: string; port: number; user: string; password: string; database: string };
  dataDir: string;
  /** True while this process runs the server, false while it uses one that another started. */
  readonly owner: boolean;
  /** Stops the server if this process started it; close the connections first. */
  stop(): Promise<void>;
}

export interface EmbeddedPostgresOptions {
  /** The folder for the database and all that belongs to it; made when missing. */
  dataDir: string;
  log: Log;
  /** False: no flush to disk at commit, for tests only. Default true. */
  durable?: boolean;
}

/**
 * Opens the database under `dataDir`: attaches to its server if one runs, else makes the database
 * if it is new and starts the server. From then on the server is kept running: started again when
 * it ends, taken over when the process that ran it goes away. It ends with this process, however
 * that ends.
 * @throws EmbeddedPostgresError when it cannot be opened; the message says what to do
 */
export async function openEmbeddedPostgres(
  options: EmbeddedPostgresOptions,
): Promise<EmbeddedPostgres> {
  const { log, durable = true } = options;
  const site = await prepareSite(options.dataDir);
  const first = await attachOrStart(site, { log, durable }).catch((error: unknown) => {
    throw explainSystemError(site, error);
  });
  site.socketDir = first.socketDir; // another TMPDIR may have led its owner to another folder
  const supervisor = supervise(site, { log, durable, first });
  return {
    connection: {
      host: site.socketDir,
      port: SOCKET_PORT,
      user: DATABASE_USER,
      password: await readPassword(site),
      database: DATABASE,
    },
    dataDir: site.dataDir,
    get owner() {
      return supervisor.isOwner();
    },
    stop: supervisor.stop,
  };
}

function explainSystemError(site: Site, error: unknown): unknown {
  const code = errorCode(error);
  if (error instanceof EmbeddedPostgresError || code === undefined) return error;
  return code === 'ENOSPC'
    ? diskFull(site.dataDir)
    : new EmbeddedPostgresError(
        `The database in ${site.dataDir} cannot be opened: ${String(error)}. See that all of ` +
          `this folder belongs to the user who made it, or set DATA_DIR to another folder.`,
        { cause: error },
      );
}

async function attachOrStart(
  site: Site,
  options: { log: Log; durable: boolean },
): Promise<RunningServer> {
  return withFileLock(site.lockFile, async () => {
    const running = await findRunning(site);
    if (running) return running;
    await ensureCluster(site, options.durable);
    return startServer(site, options);
  });
}

function supervise(
  site: Site,
  { log, durable, first }: { log: Log; durable: boolean; first: RunningServer },
) {
  const stopping = new AbortController();
  let server: RunningServer = first;

  async function watch(): Promise<void> {
    let delayMs = RETRY_MIN_MS;
    let startedAt = Date.now();
    while (!stopping.signal.aborted) {
      await untilGone(site, server, stopping.signal);
      if (stopping.signal.aborted) return;
      if (Date.now() - startedAt > HEALTHY_AFTER_MS) delayMs = RETRY_MIN_MS;
      log(`the database server (process ${server.pid}) ended; starting it again`);
      while (!stopping.signal.aborted) {
        try {
          server = await attachOrStart(site, { log, durable });
          log(`the database server is back (process ${server.pid})`);
          break;
        } catch (error) {
          log(`the database server did not start, next try in ${delayMs} ms: ${String(error)}`);
          await sleep(delayMs, undefined, { signal: stopping.signal }).catch(() => {});
          delayMs = Math.min(delayMs * 2, RETRY_MAX_MS);
        }
      }
      startedAt = Date.now();
    }
  }

  const watching = watch();
  let stopped: Promise<void> | undefined;
  async function stop(): Promise<void> {
    stopping.abort();
    await watching;
    if (server.keeper) await stopServer(site, server.keeper);
  }
  return {
    isOwner: () => server.keeper !== undefined,
    stop: () => (stopped ??= stop()),
  };
}

/** Resolves when the server has ended, or when `signal` says to stop waiting. */
async function untilGone(site: Site, server: RunningServer, signal: AbortSignal): Promise<void> {
  const { keeper, pid } = server;
  if (keeper) {
    if (hasEnded(keeper)) return;
    await once(keeper, 'exit', { signal }).catch(() => {});
    return;
  }
  // Another process's child: nobody tells us, so look. Unreferenced: must not keep the app alive.
  while (!signal.aborted) {
    await sleep(OWNER_POLL_MS, undefined, { signal, ref: false }).catch(() => {});
    if ((await readPostmaster(site))?.pid !== pid || !isAlive(pid)) return;
  }
}
