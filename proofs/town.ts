import { OperatorError } from '../src/kernel/errors.ts';
import { cleanUp, freePort, run } from '../test/program.ts';
import { noRedis, RedisServer } from '../test/redis-server.ts';
import { jwtSecret } from '../test/harness.ts';
import { Client } from './client.ts';
import type { Host } from './proof.ts';
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
 * Plays a drill in a town of its own, then asks souk verify about what is left of it.
 * @param options.name the client's
 * @param drill returns what was not met, each in a few words
 * @returns whether all was met; what was not is said, a line each
 */
export async function inTown(
  options: { nodes: number; name: string; connections?: number; host: Host },
  drill: (town: Town, client: Client) => Promise<string[]>,
): Promise<boolean> {
  const { nodes, name, connections, host } = options;
  const town = await openTown(nodes);
  const client = new Client(name, connections);
  try {
    const unmet = await drill(town, client);
    const verified = await town.verify();
    host.say(verified.output);
    if (!verified.holds) unmet.push('what souk verify proves');
    for (const one of unmet) host.say(`not met: ${one}`);
    return unmet.length === 0;
  } finally {
    client.close();
    await town.close();
  }
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
