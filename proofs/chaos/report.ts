import { percentile, table } from '../proof.ts';
import type { Effect, Fault, Figure } from './fault.ts';
import type { History } from './history.ts';
import type { Listener } from './listener.ts';
import type { World } from './world.ts';

/** What one strike of a fault did to those who used the shop. */
interface Strike {
  from: number;
  backAt: number;
  failed: number;
  longestMs: number;
  lateMs: number;
  backMs: number;
  figures: Figure[];
}

const lateBarMs = 2_000; // how late a notification may be while only Redis is away

/** Collects the strikes of each fault, and judges them. */
export class FaultReport {
  readonly #strikes = new Map<Fault, Strike[]>();
  readonly #slack: number;

  /** @param slack what bars of time are multiplied with */
  constructor(slack: number) {
    this.#slack = slack;
  }

  add(world: World, strike: { fault: Fault; from: number; backAt: number; effect: Effect }): void {
    const { fault, from, backAt, effect } = strike;
    const ops = world.history.during(from, backAt);
    const seen: Strike = {
      from,
      backAt,
      failed: ops.filter(({ outcome }) => typeof outcome === 'string' || outcome === 503).length,
      longestMs: Math.max(0, ...ops.map(({ sentAt, endedAt }) => endedAt - sentAt)),
      lateMs: 0,
      backMs: backAt - effect.healedAt,
      figures: effect.figures ?? [],
    };
    this.#strikes.set(fault, [...(this.#strikes.get(fault) ?? []), seen]);
    const back = { name: 'orders again', value: seen.backMs, bar: fault.backMs, unit: 'ms' };
    for (const figure of [back, ...seen.figures]) this.#judge(world, fault, { ...seen, figure });
  }

  /** When all events have come: how late were those of each strike? */
  judgeDelays(world: World, listeners: Listener[]): void {
    const delays = listeners.flatMap((one) => one.delays);
    for (const [fault, strikes] of this.#strikes) {
      for (const strike of strikes) {
        const { from, backAt } = strike;
        const own = delays.filter(({ madeAt }) => madeAt >= from && madeAt <= backAt);
        strike.lateMs = Math.max(0, ...own.map(({ ms }) => ms));
        const late = { name: 'an event late', value: strike.lateMs, bar: lateBarMs, unit: 'ms' };
        if (fault.allows.length === 0) this.#judge(world, fault, { ...strike, figure: late });
      }
    }
  }

  /** The faults that never struck. */
  unmet(faults: Fault[]): string {
    const left = faults.filter((fault) => !this.#strikes.has(fault)).map(({ name }) => name);
    return left.length > 0 ? left.join(', ') : 'none';
  }

  #judge(
    world: World,
    fault: Fault,
    { from, backAt, figure }: { from: number; backAt: number; figure: Figure },
  ): void {
    const { name, value, bar, unit } = figure;
    // Less the time that the machine itself stood still, and what it had to catch up on.
    const allowance = world.stalls.within(from - 1_000, backAt + 1_000);
    if (value <= (unit === 'ms' ? bar * this.#slack + allowance : bar)) return;
    world.history.violate('bar', `${fault.name}: ${name} ${value.toFixed(0)} ${unit}, bar ${bar}`);
  }

  /** fault → effect seen: the worst of its strikes. */
  toString(): string {
    const head = ['fault', 'times', 'failed', 'longest answer', 'latest event', 'orders again'];
    const rows = [...this.#strikes].map(([fault, strikes]) => {
      const worst = (value: (strike: Strike) => number): string =>
        Math.max(...strikes.map(value)).toFixed(0);
      const figures = (strikes[0]?.figures ?? []).map(({ name, unit, bar }, index) => {
        const value = worst((strike) => strike.figures[index]?.value ?? 0);
        return `${name} ${value} ${unit} (≤ ${bar})`;
      });
      return [
        fault.name,
        String(strikes.length),
        `${strikes.reduce((sum, { failed }) => sum + failed, 0)}`,
        `${worst(({ longestMs }) => longestMs)} ms`,
        `${worst(({ lateMs }) => lateMs)} ms`,
        `${worst(({ backMs }) => backMs)} ms (≤ ${fault.backMs})`,
        figures.join(', '),
      ];
    });
    return table([[...head, 'other bars'], ...rows]);
  }
}

/** How often what came to what. */
export function countsOf({ counts }: History): string {
  const rows = [...counts]
    .toSorted(([a], [b]) => a.localeCompare(b))
    .map(([what, outcomes]) => {
      const total = [...outcomes.values()].reduce((sum, count) => sum + count, 0);
      const parts = [...outcomes].map(([outcome, count]) => `${outcome} × ${count}`);
      return [what, String(total), parts.toSorted().join(', ')];
    });
  return table([['request', 'times', 'outcomes'], ...rows]);
}

export function latencyOf(listeners: Listener[]): string {
  const delays = listeners.flatMap((one) => one.delays.map(({ ms }) => ms));
  return `p50 ${percentile(delays, 0.5)} ms, p99 ${percentile(delays, 0.99)} ms`;
}
