/** How two samples of durations compare. */
export interface Comparison {
  medianA: number;
  medianB: number;
  /** (medianA − medianB) / medianB */
  relative: number;
  /** the bounds that hold the true relative difference with 99 % probability (bootstrap) */
  interval: [low: number, high: number];
  /** the chance that a duration of A is longer than one of B: 0.5 when nothing tells them apart */
  superiority: number;
}

const sorted = (values: readonly number[]): number[] => values.toSorted((a, b) => a - b);

function median(values: readonly number[]): number {
  const order = sorted(values);
  const middle = order.length >> 1;
  const upper = order[middle] ?? Number.NaN;
  return order.length % 2 === 1 ? upper : (upper + (order[middle - 1] ?? upper)) / 2;
}

/**
 * Compares durations by their medians, with a bootstrap interval, and by their order (the common
 * language effect of Mann and Whitney).
 * @param draw a number from 0 to 1, for the bootstrap
 */
export function compare(a: number[], b: number[], draw: () => number = Math.random): Comparison {
  const resample = (values: number[]): number[] =>
    values.map(() => values[Math.floor(draw() * values.length)] ?? 0);
  const relativeOf = (one: number[], other: number[]): number => median(one) / median(other) - 1;
  const drawn = sorted(Array.from({ length: 1_000 }, () => relativeOf(resample(a), resample(b))));
  return {
    medianA: median(a),
    medianB: median(b),
    relative: relativeOf(a, b),
    interval: [drawn[4] ?? Number.NaN, drawn[994] ?? Number.NaN],
    superiority: superiorityOf(a, b),
  };
}

/** The share of pairs in which A took longer; ties count half. */
function superiorityOf(a: number[], b: number[]): number {
  const order = sorted(b);
  const below = (value: number, orEqual: boolean): number => {
    let [low, high] = [0, order.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const one = order[middle] ?? Infinity;
      if (orEqual ? one <= value : one < value) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  const wins = a.reduce((sum, value) => sum + (below(value, false) + below(value, true)) / 2, 0);
  return wins / (a.length * b.length);
}
