import { OperatorError } from '../src/kernel/errors.ts';

/** Something that the shop promises, shown on real servers under a load that would break it. */
export interface Proof {
  summary: string;
  usage: string;
  /** @returns whether it held; what it saw is said line by line */
  run(args: string[], host: Host): Promise<boolean>;
}

export interface Host {
  /** aborted when the person at the terminal has enough: check what there is and end */
  signal: AbortSignal;
  say(text: string): void;
}

/** A counting number from the command line. @throws OperatorError with what to write instead */
export function countOf(name: string, text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new OperatorError(`--${name} takes a whole number from 1 on, not "${text}"`);
}

/** Says the lines, aligned in columns, the first as their heads. */
export function table(rows: string[][]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (row: string[]): string =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  const [head = [], ...body] = rows;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)].join('\n');
}

/** The value below which a share of the sorted figures lies; 0 without any. */
export function percentile(figures: number[], share: number): number {
  const sorted = figures.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
