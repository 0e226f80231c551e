import { setTimeout as sleep } from 'node:timers/promises';
import { type Fault, healedBy } from './fault.ts';

const redisStopped: Fault = {
  name: 'Redis stopped',
  allows: [],
  backMs: 1_000,
  async strike({ town: { redis } }, seconds) {
    await redis.kill();
    await sleep(seconds * 1_000);
    return healedBy(redis.start());
  },
};

const redisFlushed: Fault = {
  name: 'Redis flushed again and again',
  allows: [],
  backMs: 1_000,
  async strike({ town: { redis } }) {
    for (let round = 0; round < 20; round += 1) {
      await redis.ask('FLUSHALL');
      await sleep(50);
    }
    return { healedAt: performance.now() };
  },
};

const redisSlow: Fault = {
  name: 'Redis slow (DEBUG SLEEP)',
  allows: [],
  backMs: 1_000,
  async strike({ town: { redis } }, seconds) {
    for (let round = 0; round < seconds; round += 1) {
      await redis.ask('DEBUG', 'SLEEP', '0.8');
      await sleep(200);
    }
    return { healedAt: performance.now() };
  },
};

const redisFull: Fault = {
  name: 'Redis full (maxmemory 1mb)',
  allows: [],
  backMs: 1_000,
  async strike({ town: { redis } }, seconds) {
    await redis.ask('CONFIG', 'SET', 'maxmemory', '1mb');
    await sleep(seconds * 1_000);
    return healedBy(redis.ask('CONFIG', 'SET', 'maxmemory', '0'));
  },
};

export const redisFaults: Fault[] = [redisStopped, redisFlushed, redisSlow, redisFull];
