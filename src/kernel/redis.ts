import { createClient, type RedisClientType } from '@redis/client';
import { limits } from './limits.ts';

/** What nodes share to spare work. It may forget anything at any time and never fails. */
export interface SharedCache {
  get(key: string): Promise<string | undefined>;
  set(key: string, value: string, seconds: number): void;
}

const socket = {
  connectTimeout: limits.redisConnectMs,
  reconnectStrategy: (retries: number) => Math.min(50 * 2 ** retries, limits.redisReconnectMs),
};

/**
 * Connects in the background and for ever. While Redis is away commands fail at once
 * (`disableOfflineQueue`), so nobody waits for it.
 */
export function openRedis(url: string, onState: (state: string) => void): RedisClientType {
  const client: RedisClientType = createClient({
    url,
    disableOfflineQueue: true,
    commandOptions: { timeout: limits.redisCommandTimeoutMs },
    socket,
  });
  let lastError = '';
  client.on('error', (error: Error) => {
    if (error.message === lastError) return; // once an outage, not once an attempt
    lastError = error.message;
    onState(`Redis is away (${error.message}); going on without it`);
  });
  client.on('ready', () => {
    if (lastError !== '') onState('Redis is back');
    lastError = '';
  });
  client.connect().catch(() => undefined); // reported by 'error', retried by the strategy
  return client;
}

/**
 * A connection for one subscription. Unlike the other it keeps the command until Redis is there,
 * however late, and the client subscribes again by itself whenever it comes back.
 */
export function openSubscriber(url: string): RedisClientType {
  const client: RedisClientType = createClient({ url, socket });
  client.on('error', () => undefined); // the other client tells
  client.connect().catch(() => undefined);
  return client;
}

/** @param prefix keeps the shops on one Redis apart */
export function redisCache(redis: RedisClientType, prefix: string): SharedCache {
  return {
    async get(key) {
      if (!redis.isReady) return undefined;
      return (await redis.get(prefix + key).catch(() => undefined)) ?? undefined;
    },
    set(key, value, seconds) {
      if (redis.isReady) redis.set(prefix + key, value, { EX: seconds }).catch(() => undefined);
    },
  };
}

/** Without Redis there is nothing to share: a node's own cache is all there is. */
export const noSharedCache: SharedCache = {
  get: async () => undefined,
  set: () => undefined,
};
