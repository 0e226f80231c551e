import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Config } from './config.ts';
import { type Bus, openBus } from './kernel/bus.ts';
import { redisTransport, workerTransport } from './kernel/bus-transports.ts';
import { type Connection, type Db, openDb, sql, waitForDb } from './kernel/db.ts';
import { openEmbeddedPostgres } from './kernel/embedded/postgres.ts';
import { OperatorError } from './kernel/errors.ts';
import { newId } from './kernel/ids.ts';
import { keptJwtSecret } from './kernel/jwt-secret.ts';
import { openLog } from './kernel/log.ts';
import { type Metrics, openMetrics } from './kernel/metrics.ts';
import { migrate } from './kernel/migrate.ts';
import {
  noSharedCache,
  openSubscriber,
  Redis,
  redisCache,
  type SharedCache,
} from './kernel/redis.ts';
import { projectRoot } from './kernel/root.ts';

/** What every feature is given: the configuration and the opened outside world. */
export interface Context {
  config: Config;
  db: Db;
  bus: Bus;
  cache: SharedCache;
  redis: Redis | undefined;
  /** of everything this shop keeps in Redis: several shops may share one */
  keyPrefix: string;
  /** the migrations that this opening ran */
  migrated: string[];
  log: Logger;
  metrics: Metrics;
  jwtKey: Buffer;
  close(): Promise<void>;
}

/**
 * Picks embedded or external PostgreSQL, and Redis, worker or in-process hints; opens them and
 * brings the schema up to date.
 * @throws OperatorError when the database cannot be used
 */
export async function openContext(
  config: Config,
  options: { log?: Logger; patient?: boolean } = {},
): Promise<Context> {
  const log = options.log ?? openLog(config.logLevel);
  const closers: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).toReversed()) await closer();
  };
  try {
    const { connection, stop } = await openServer(config, (message) => log.info(message));
    closers.push(stop);
    const onLost = (error: Error) => log.warn(`Database connection lost: ${error.message}`);
    const db = openDb(connection, { ...options, onLost });
    closers.push(() => db.close());
    await waitForDb(db, 30_000, (reason) => log.warn(`Waiting for the database: ${reason}`));

    const migrated = config.isWorker ? [] : await migrateShop(connection, log);
    const keyPrefix = `souk:${await settleShop(db, config.currency.code)}:`;
    const shared = openShared({ config, log, keyPrefix, closers });
    const jwtSecret = config.jwtSecret ?? keptJwtSecret(config.dataDir);
    const jwtKey = Buffer.from(jwtSecret);
    const metrics = openMetrics();
    return { config, db, ...shared, keyPrefix, migrated, log, metrics, jwtKey, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * The PostgreSQL server of the configuration: an embedded one is started, or attached to.
 * @throws EmbeddedPostgresError when it cannot be opened
 */
export async function openServer(
  { databaseUrl, dataDir }: Config,
  log: (message: string) => void,
): Promise<{ connection: Connection; stop(): Promise<void> }> {
  if (databaseUrl !== undefined) {
    return { connection: { connectionString: databaseUrl }, stop: async () => undefined };
  }
  const embedded = await openEmbeddedPostgres({ dataDir, log });
  const connection = { ...embedded.connection, ssl: false }; // whatever PGSSLMODE says
  return { connection, stop: () => embedded.stop() };
}

/** Without time-outs: an index may take long, and other nodes wait for the one that migrates. */
async function migrateShop(connection: Connection, log: Logger): Promise<string[]> {
  const db = openDb(connection, { onLost: () => undefined, patient: true });
  const onWait = (name: string): void =>
    log.warn(`Migration ${name} waits for tables that another session has in use`);
  try {
    return await migrate(db, join(projectRoot(), 'migrations'), { onWait });
  } finally {
    await db.close();
  }
}

function openShared(options: {
  config: Config;
  log: Logger;
  keyPrefix: string;
  closers: (() => Promise<void>)[];
}): Pick<Context, 'bus' | 'cache' | 'redis'> {
  const { config, log, keyPrefix, closers } = options;
  if (config.redisUrl === undefined) {
    const bus = openBus(config.isWorker ? workerTransport() : undefined);
    return { bus, cache: noSharedCache, redis: undefined };
  }
  const redis = new Redis(config.redisUrl, (state) => log.warn(state));
  const subscriber = openSubscriber(config.redisUrl);
  const bus = openBus(redisTransport(redis, subscriber, `${keyPrefix}hints`));
  closers.push(async () => {
    await bus.sent();
    redis.close();
    subscriber.destroy();
  });
  return { bus, cache: redisCache(redis, keyPrefix), redis };
}

/**
 * The id of the shop, made with its database. A shop has one currency for ever: amounts are stored
 * without it.
 * @throws OperatorError when the database was made with another currency
 */
async function settleShop(db: Db, currency: string): Promise<string> {
  await db.rows(sql`
    INSERT INTO shop (shop_id, currency) VALUES (${newId()}, ${currency}) ON CONFLICT DO NOTHING`);
  // The database's own number tells copies of a shop apart, such as a restored backup.
  const shop = await db.row<{ id: string; currency: string }>(sql`
    SELECT shop_id || '.' || oid AS id, currency
    FROM shop, pg_database WHERE datname = current_database()`);
  if (shop === undefined) throw new Error('The shop has no row');
  if (shop.currency !== currency) {
    throw new OperatorError(
      `This shop keeps its money in ${shop.currency}, but CURRENCY is ${currency}. ` +
        `Set CURRENCY=${shop.currency}, or start a new shop on another database.`,
    );
  }
  return shop.id;
}
