import { createClient, type RedisClientType } from '@redis/client';
import { limits } from './limits.ts';

const socket = {
  connectTimeout: limits.redisConnectMs,
  reconnectStrategy: (retries: number) => Math.min(50 * 2 ** retries, limits.redisReconnectMs),
};

/**
 * A Redis that may be away, slow or hung at any time, and of which nothing depends on more than
 * speed: a command that cannot be had in time counts as not done.
 */
export class Redis {
  readonly client: RedisClientType;
  /** Resolves when it is connected, or known to be away; within `redisConnectMs` in any case. */
  readonly tried: Promise<void>;
  #restsUntil = 0;

  /** Connects in the background and for ever. */
  constructor(url: string, onState: (state: string) => void) {
    // Without an offline queue commands fail at once while Redis is away.
    this.client = createClient({ url, disableOfflineQueue: true, socket });
    let lastError = '';
    this.client.on('error', (error: Error) => {
      if (error.message === lastError) return; // once an outage, not once an attempt
      lastError = error.message;
      onState(`Redis is away (${error.message}); going on without it`);
    });
    this.client.on('ready', () => {
      if (lastError !== '') onState('Redis is back');
      lastError = '';
    });
    this.tried = new Promise((resolve) => {
      const timer = setTimeout(resolve, limits.redisConnectMs).unref();
      for (const event of ['ready', 'error']) {
        this.client.once(event, () => {
          clearTimeout(timer);
          resolve();
        });
      }
    });
    this.client.connect().catch(() => undefined); // reported by 'error', retried by the strategy
  }

  /**
   * What the command answers, or undefined when Redis is away, refuses or takes too long. After
   * one that took too long none is tried for a moment: a Redis that hangs must not slow each
   * request, nor collect commands without end.
   */
  async attempt<T>(command: (client: RedisClientType) => Promise<T>): Promise<T | undefined> {
    if (!this.client.isReady || Date.now() < this.#restsUntil) return undefined;
    let timer: NodeJS.Timeout | undefined;
    let hasEnded = false;
    const tooLate = new Promise<undefined>((resolve) => {
      const giveUp = (): void => {
        if (!hasEnded) this.#restsUntil = Date.now() + limits.redisRestMs;
        resolve(undefined);
      };
      // After a long turn of the event loop the answer may be there, but not yet read.
      timer = setTimeout(() => setImmediate(giveUp), limits.redisCommandTimeoutMs);
    });
    try {
      return await Promise.race([command(this.client), tooLate]);
    } catch {
      return undefined;
    } finally {
      hasEnded = true;
      clearTimeout(timer);
    }
  }

  close(): void {
    this.client.destroy();
  }
}

/**
 * A connection for one subscription. It keeps the command until Redis is there, however late, and
 * the client subscribes again by itself whenever Redis comes back.
 */
export function openSubscriber(url: string): RedisClientType {
  const client: RedisClientType = createClient({ url, socket });
  client.on('error', () => undefined); // the other client tells
  client.connect().catch(() => undefined);
  return client;
}

/** What nodes share to spare work. It may forget anything at any time and never fails. */
export interface SharedCache {
  get(key: string): Promise<string | undefined>;
  set(key: string, value: string, seconds: number): void;
}

/** @param prefix keeps the shops on one Redis apart */
export function redisCache(redis: Redis, prefix: string): SharedCache {
  return {
    get: async (key) => (await redis.attempt((client) => client.get(prefix + key))) ?? undefined,
    set(key, value, seconds) {
      void redis.attempt((client) => client.set(prefix + key, value, { EX: seconds }));
    },
  };
}

/** Without Redis there is nothing to share: a node's own cache is all there is. */
export const noSharedCache: SharedCache = {
  get: async () => undefined,
  set: () => undefined,
};
