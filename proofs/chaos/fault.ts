import type { Outcome } from '../client.ts';
import type { World } from './world.ts';

/** Something measured; above its bar it is a violation. */
export interface Figure {
  name: string;
  value: number;
  bar: number;
  unit: string;
}

/** What a fault is to be judged by, beside the history of the requests meanwhile. */
export interface Effect {
  /** from when on everything was there again, on the clock of performance.now() */
  healedAt: number;
  figures?: Figure[];
}

export interface Fault {
  name: string;
  /** outcomes that requests may have meanwhile, beside what was asked for */
  allows: readonly Outcome[];
  /** statements that are under way may happen when it is over */
  delays?: boolean;
  /** within this time after it, in ms, every node must take orders again */
  backMs: number;
  /** strikes, lasts and heals */
  strike(world: World, seconds: number): Promise<Effect>;
}

/** The fault is over when its work is. */
export async function healedBy(work: Promise<unknown>): Promise<Effect> {
  await work;
  return { healedAt: performance.now() };
}

/** A figure of how much memory the nodes took since it was made. */
export function memoryGrowth({ town }: World, bar: number): () => Figure {
  const before = town.nodes.map((node) => node.residentMb());
  return () => {
    const grown = town.nodes.map((node, index) => node.residentMb() - (before[index] ?? 0));
    return { name: 'memory grew', value: Math.max(0, ...grown), bar, unit: 'MB' };
  };
}
