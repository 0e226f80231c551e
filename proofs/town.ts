import { OperatorError } from '../src/kernel/errors.ts';
import { cleanUp, freePort, run } from '../test/program.ts';
import { noRedis, RedisServer } from '../test/redis-server.ts';
import { jwtSecret } from '../test/harness.ts';
import { Database, ShopNode } from './servers.ts';

/** A shop on real servers: PostgreSQL, Redis, and nodes that share them. */
export interface Town {
  database: Database;
  redis: RedisServer;
  nodes: ShopNode[];
  /** what every node is set to */
  settings: Record<string, string>;
  /** `souk verify`: what it printed, and whether all invariants hold */
  verify(): Promise<{ holds: boolean; output: string }>;
  /** Ends everything, and removes what it left on the disk. */
  close(): Promise<void>;
}

/**
 * Starts a town.
 * @throws OperatorError when redis-server is not installed
 */
export async function openTown(
  nodeCount: number,
  more: Record<string, string> = {},
): Promise<Town> {
  if (noRedis) throw new OperatorError(noRedis);
  const database = await Database.started();
  const redis = new RedisServer(await freePort());
  await redis.start();
  const settings = {
    DATABASE_URL: database.url,
    REDIS_URL: redis.url,
    JWT_SECRET: jwtSecret,
    ...more,
  };
  const nodes: ShopNode[] = [];
  for (let index = 0; index < nodeCount; index += 1) nodes.push(await ShopNode.started(settings));
  return {
    database,
    redis,
    nodes,
    settings,
    async verify() {
      const { code, stdout, stderr } = await run(['verify'], settings, { patienceMs: 600_000 });
      return { holds: code === 0, output: stdout + stderr };
    },
    async close() {
      for (const node of nodes) await node.kill();
      await redis.kill();
      await database.stop();
      await cleanUp();
    },
  };
}
