import type { RedisClientType } from '@redis/client';
import type { Transport } from './bus.ts';
import type { Redis } from './redis.ts';

/** Hints over Redis pub/sub. While Redis is away they are dropped, which the bus allows. */
export function redisTransport(
  redis: Redis,
  subscriber: RedisClientType,
  channel: string,
): Transport {
  return {
    send: (message) => redis.attempt((client) => client.publish(channel, message)),
    receive(listener) {
      subscriber.subscribe(channel, listener).catch(() => undefined); // the context closes
    },
  };
}

/** Hints among the workers of one machine: the primary passes each on to the other workers. */
export function workerTransport(): Transport {
  return {
    async send(message) {
      if (!process.connected) return;
      // The callback takes the error of a primary that is going away.
      await new Promise<void>((resolve) => process.send?.({ hint: message }, () => resolve()));
    },
    receive(listener) {
      process.on('message', (message) => {
        if (typeof message === 'object' && message !== null && 'hint' in message) {
          listener(String(message.hint));
        }
      });
    },
  };
}
