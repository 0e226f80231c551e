import type { FastifyReply } from 'fastify';
import {
  type RateLimiterAbstract,
  RateLimiterMemory,
  RateLimiterRedis,
  RateLimiterRes,
} from 'rate-limiter-flexible';
import { HttpError } from './errors.ts';
import type { Redis } from './redis.ts';

/** So many points a key in so many seconds. */
export interface RateRule {
  name: string;
  points: number;
  seconds: number;
}

export interface RateLimiter {
  /**
   * Takes a point of each key in turn and sets the RateLimit headers of the tightest. The first
   * that has none left ends it: a flood from one address makes no entries for made-up accounts.
   * @throws HttpError 429 with Retry-After
   */
  take(reply: FastifyReply, keys: [rule: RateRule, key: string][]): Promise<void>;
}

/** Limits that cost nothing and refuse nothing, for RATE_LIMITS=off. */
export const noRateLimits: RateLimiter = { take: async () => undefined };

interface Counters {
  shared: RateLimiterRedis | undefined;
  local: RateLimiterMemory;
}

/**
 * Counts in Redis when there is one, and in this process whenever Redis is away or hangs.
 * @param prefix keeps the shops on one Redis apart
 */
export function openRateLimits(redis: Redis | undefined, prefix: string): RateLimiter {
  const counters = new Map<string, Counters>();
  const countersOf = ({ name, points, seconds: duration }: RateRule): Counters => {
    const known = counters.get(name);
    if (known) return known;
    const options = { keyPrefix: `${prefix}limit:${name}`, points, duration };
    const storeClient = redis?.client;
    const opened = {
      shared:
        storeClient && new RateLimiterRedis({ ...options, storeClient, useRedisPackage: true }),
      local: new RateLimiterMemory(options),
    };
    counters.set(name, opened);
    return opened;
  };
  const consume = async (rule: RateRule, key: string) => {
    const { shared, local } = countersOf(rule);
    const state = shared && (await redis?.attempt(() => takePoint(shared, key)));
    return { rule, state: state ?? (await takePoint(local, key)) };
  };
  return {
    async take(reply, keys) {
      let tightest: Awaited<ReturnType<typeof consume>> | undefined;
      for (const [rule, key] of keys) {
        const taken = await consume(rule, key);
        const isTighter =
          taken.state.remainingPoints < (tightest?.state.remainingPoints ?? Infinity);
        if (isTighter || !taken.state.allowed) tightest = taken;
        if (!taken.state.allowed) break;
      }
      if (tightest === undefined) return;
      const seconds = Math.max(1, Math.ceil(tightest.state.msBeforeNext / 1000));
      const headers = {
        'RateLimit-Limit': String(tightest.rule.points),
        'RateLimit-Remaining': String(Math.max(0, tightest.state.remainingPoints)),
        'RateLimit-Reset': String(seconds),
      };
      reply.headers(headers);
      if (!tightest.state.allowed) {
        const detail = `Request was throttled. Expected available in ${seconds} seconds.`;
        throw new HttpError(429, { detail }, { ...headers, 'Retry-After': String(seconds) });
      }
    },
  };
}

async function takePoint(limiter: RateLimiterAbstract, key: string) {
  try {
    const { remainingPoints, msBeforeNext } = await limiter.consume(key);
    return { allowed: true, remainingPoints, msBeforeNext };
  } catch (error) {
    if (!(error instanceof RateLimiterRes)) throw error;
    return { allowed: false, remainingPoints: 0, msBeforeNext: error.msBeforeNext };
  }
}
