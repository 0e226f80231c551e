import { type Logger, pino } from 'pino';
import type { RedisClientType } from 'redis';
import type { Config } from './config.ts';
import { type Bus, openBus, redisTransport, workerTransport } from './kernel/bus.ts';
import { type Connection, type Db, openDb, sql, waitForDb } from './kernel/db.ts';
import { openEmbeddedPostgres } from './kernel/embedded/postgres.ts';
import { OperatorError } from './kernel/errors.ts';
import { keptJwtSecret } from './kernel/jwt-secret.ts';
import { type Metrics, openMetrics } from './kernel/metrics.ts';
import { noSharedCache, openRedis, redisCache, type SharedCache } from './kernel/redis.ts';

/** What every feature is given: the configuration and the opened outside world. */
export interface Context {
  config: Config;
  db: Db;
  bus: Bus;
  cache: SharedCache;
  redis: RedisClientType | undefined;
  log: Logger;
  metrics: Metrics;
  jwtKey: Buffer;
  close(): Promise<void>;
}

const secrets = ['password', 'access', 'refresh', 'token', 'ticket', 'authorization'];

/** A JSON logger that blanks anything that looks like a secret, at the top and one level down. */
function openLog(config: Config): Logger {
  const paths = secrets.flatMap((key) => [key, `*.${key}`, `*.*.${key}`]);
  return pino({ level: config.logLevel, redact: { paths, censor: '[redacted]' } });
}

/**
 * Picks embedded or external PostgreSQL, and Redis, worker or in-process hints; opens them.
 * @throws OperatorError when the database cannot be used
 */
export async function openContext(
  config: Config,
  options: { log?: Logger; patient?: boolean } = {},
): Promise<Context> {
  const log = options.log ?? openLog(config);
  const closers: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).toReversed()) await closer();
  };
  try {
    let connection: Connection;
    if (config.databaseUrl === undefined) {
      const embedded = await openEmbeddedPostgres({
        dataDir: config.dataDir,
        log: (message) => log.info(message),
      });
      closers.push(() => embedded.stop());
      connection = { ...embedded.connection, ssl: false }; // whatever PGSSLMODE says
    } else {
      connection = { connectionString: config.databaseUrl };
    }
    const onLost = (error: Error) => log.warn(`Database connection lost: ${error.message}`);
    const db = openDb(connection, { ...options, onLost });
    closers.push(() => db.close());
    await waitForDb(db, 30_000);

    const { bus, cache, redis } = openShared(config, log, closers);
    const jwtSecret = config.jwtSecret ?? keptJwtSecret(config.dataDir);
    const jwtKey = Buffer.from(jwtSecret);
    return { config, db, bus, cache, redis, log, metrics: openMetrics(), jwtKey, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function openShared(config: Config, log: Logger, closers: (() => Promise<void>)[]) {
  if (config.redisUrl === undefined) {
    const bus = openBus(config.isWorker ? workerTransport() : undefined);
    return { bus, cache: noSharedCache, redis: undefined };
  }
  const redis = openRedis(config.redisUrl, (state) => log.warn(state));
  const subscriber = openRedis(config.redisUrl, () => undefined);
  closers.push(async () => {
    redis.destroy();
    subscriber.destroy();
  });
  return { bus: openBus(redisTransport(redis, subscriber)), cache: redisCache(redis), redis };
}

/**
 * A shop has one currency for ever: amounts are stored without it.
 * @throws OperatorError when the database was made with another one
 */
export async function settleCurrency(db: Db, currency: string): Promise<void> {
  await db.rows(sql`INSERT INTO shop (currency) VALUES (${currency}) ON CONFLICT DO NOTHING`);
  const shop = await db.row<{ currency: string }>(sql`SELECT currency FROM shop`);
  if (shop && shop.currency !== currency) {
    throw new OperatorError(
      `This shop keeps its money in ${shop.currency}, but CURRENCY is ${currency}. ` +
        `Set CURRENCY=${shop.currency}, or start a new shop on another database.`,
    );
  }
}
