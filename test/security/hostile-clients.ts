import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServedShop } from '../program.ts';
import { type Line, openLine } from './wire.ts';

/** `HOSTILE=full` runs in the numbers that are promised; without it in fewer. */
export const isFull = process.env['HOSTILE'] === 'full';

/** Resident memory of the shop's process. */
export async function megabytes({ call }: Pick<ServedShop, 'call'>): Promise<number> {
  const { text } = await call('GET /metrics');
  return Number(/^process_resident_memory_bytes (\S+)/m.exec(text)?.[1]) / 1024 ** 2;
}

/** Files and connections that the shop's process holds open. */
export async function openFiles({ call }: Pick<ServedShop, 'call'>): Promise<number> {
  const { text } = await call('GET /metrics');
  return Number(/^process_open_fds (\S+)/m.exec(text)?.[1]);
}

export async function openLines(port: number, count: number): Promise<Line[]> {
  const lines: Line[] = [];
  for (let index = 0; index < count; index += 1) lines.push(await openLine(port));
  return lines;
}

export interface Innocent {
  /** Ends, and says how long its requests took, sorted. */
  stop(): Promise<number[]>;
}

/**
 * A client that asks for the list, one request after the other, and is timed until it has it: a
 * 503 is asked again, as its Retry-After says.
 */
export function innocent({ call }: Pick<ServedShop, 'call'>, token: string): Innocent {
  const times: number[] = [];
  const stopping = new AbortController();
  const running = (async () => {
    while (!stopping.signal.aborted) {
      const began = performance.now();
      let answer = await call('GET /list-product/', { token });
      while (answer.status === 503) {
        await sleep(Number(answer.headers.get('retry-after')) * 1_000);
        answer = await call('GET /list-product/', { token });
      }
      if (answer.status !== 200) throw new Error(`${answer.status} to an innocent client`);
      times.push(performance.now() - began);
      await sleep(5);
    }
  })();
  running.catch(() => undefined); // told by stop()
  return {
    async stop() {
      stopping.abort();
      await running;
      return times.toSorted((a, b) => a - b);
    },
  };
}

export const quantile = (sorted: number[], part: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
