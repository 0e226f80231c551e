import { verify } from '@node-rs/argon2';
import { answerJobs } from '../job.ts';
import { percentiles } from '../percentiles.ts';
import type { Run } from '../turns.ts';

export interface BareArgon2Job {
  seconds: number;
  /** its parameters are in it */
  hash: string;
  password: string;
  atOnce: number;
}

/** Checks a password again and again, some at once, and does nothing else. */
answerJobs(async ({ seconds, hash, password, atOnce }: BareArgon2Job): Promise<Run> => {
  const began = performance.now();
  const times: number[] = [];
  const lane = async (): Promise<void> => {
    while (performance.now() - began < seconds * 1000) {
      const at = performance.now();
      if (!(await verify(hash, password))) throw new Error('The password is not the one hashed');
      times.push(performance.now() - at);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  const elapsed = (performance.now() - began) / 1000;
  return { perSecond: times.length / elapsed, ...percentiles(times) };
});
