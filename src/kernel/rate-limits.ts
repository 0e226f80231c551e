import type { FastifyReply } from 'fastify';
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import type { RedisClientType } from '@redis/client';
import { HttpError } from './errors.ts';

/** So many points a key in so many seconds. */
export interface RateRule {
  name: string;
  points: number;
  seconds: number;
}

export interface RateLimiter {
  /**
   * Takes one point for each of `keys` and sets the RateLimit headers of the tightest.
   * @throws HttpError 429 with Retry-After when one of them has none left
   */
  take(reply: FastifyReply, keys: [rule: RateRule, key: string][]): Promise<void>;
}

/** Limits that cost nothing and refuse nothing, for RATE_LIMITS=off. */
export const noRateLimits: RateLimiter = { take: async () => undefined };

/**
 * Counts in Redis when there is one, and in this process whenever Redis is away.
 * @param prefix keeps the shops on one Redis apart
 */
export function openRateLimits(redis: RedisClientType | undefined, prefix: string): RateLimiter {
  const limiters = new Map<string, RateLimiterMemory | RateLimiterRedis>();
  const limiterOf = (rule: RateRule): RateLimiterMemory | RateLimiterRedis => {
    let limiter = limiters.get(rule.name);
    if (limiter === undefined) {
      const options = {
        keyPrefix: `${prefix}limit:${rule.name}`,
        points: rule.points,
        duration: rule.seconds,
      };
      const memory = new RateLimiterMemory(options);
      limiter = redis
        ? new RateLimiterRedis({
            ...options,
            storeClient: redis,
            useRedisPackage: true,
            rejectIfRedisNotReady: true,
            insuranceLimiter: memory,
          })
        : memory;
      limiters.set(rule.name, limiter);
    }
    return limiter;
  };
  return {
    async take(reply, keys) {
      const states = await Promise.all(
        keys.map(async ([rule, key]) => ({ rule, state: await consume(limiterOf(rule), key) })),
      );
      states.sort((a, b) => a.state.remainingPoints - b.state.remainingPoints);
      const refused = states
        .filter(({ state }) => !state.allowed)
        .toSorted((a, b) => b.state.msBeforeNext - a.state.msBeforeNext)[0];
      const tightest = refused ?? states[0];
      if (tightest === undefined) return;
      const seconds = Math.max(1, Math.ceil(tightest.state.msBeforeNext / 1000));
      const headers = {
        'RateLimit-Limit': String(tightest.rule.points),
        'RateLimit-Remaining': String(Math.max(0, tightest.state.remainingPoints)),
        'RateLimit-Reset': String(seconds),
      };
      reply.headers(headers);
      if (refused) {
        const detail = `Request was throttled. Expected available in ${seconds} seconds.`;
        throw new HttpError(429, { detail }, { ...headers, 'Retry-After': String(seconds) });
      }
    },
  };
}

async function consume(limiter: RateLimiterMemory | RateLimiterRedis, key: string) {
  try {
    const { remainingPoints, msBeforeNext } = await limiter.consume(key);
    return { allowed: true, remainingPoints, msBeforeNext };
  } catch (error) {
    if (!(error instanceof RateLimiterRes)) throw error;
    return { allowed: false, remainingPoints: 0, msBeforeNext: error.msBeforeNext };
  }
}
