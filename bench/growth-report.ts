import type { Figure, Operation } from './growth-measure.ts';

/** One operation at every size of a table. */
export interface GrowthRow {
  operation: string;
  figures: { size: string; figure: Figure }[];
  /** how much slower it is at the largest size than at the smallest, measured in turns */
  ratio: number;
  mayGrow: string | undefined;
}

export interface GrowthTable {
  title: string;
  rows: GrowthRow[];
}

const BAR = 1.5;

/** Adds figures to the row of an operation, or begins that row. */
export function note(
  table: GrowthTable,
  { name, mayGrow }: Pick<Operation, 'name' | 'mayGrow'>,
  { figures, ratio }: Pick<GrowthRow, 'figures' | 'ratio'>,
): void {
  const row = table.rows.find(({ operation }) => operation === name);
  if (row === undefined) table.rows.push({ operation: name, figures, ratio, mayGrow });
  else {
    row.figures.push(...figures);
    row.ratio = ratio;
  }
}

const isFlat = ({ ratio }: GrowthRow): boolean => ratio <= BAR;

/** Whether all that has no reason to grow stayed flat. */
export const isGood = ({ rows }: GrowthTable): boolean =>
  rows.every((row) => row.mayGrow !== undefined || isFlat(row));

/** A table of text: milliseconds and the rows touched, at each size. */
export function formatGrowth({ title, rows }: GrowthTable): string {
  const sizes = [...new Set(rows.flatMap(({ figures }) => figures.map(({ size }) => size)))];
  const head = [title, ...sizes, 'ratio', 'ok?'];
  const lines = rows.map((row) => {
    const cells = sizes.map((size) => cellOf(row.figures.find((at) => at.size === size)?.figure));
    const verdict = isFlat(row) ? 'yes' : row.mayGrow === undefined ? 'NO' : `(${row.mayGrow})`;
    return [row.operation, ...cells, row.ratio.toFixed(2), verdict];
  });
  const all = [head, ...lines];
  const widths = head.map((_, at) => Math.max(...all.map((line) => line[at]?.length ?? 0)));
  const written = all.map((line) =>
    line.map((cell, at) => pad(cell, { width: widths[at] ?? 0, left: at > 0 })).join('  '),
  );
  written.splice(1, 0, widths.map((width) => '─'.repeat(width)).join('  '));
  return `${written.map((line) => line.trimEnd()).join('\n')}\n`;
}

function cellOf(figure: Figure | undefined): string {
  if (figure === undefined) return '';
  const rows = Math.round(figure.rows).toLocaleString('en-US');
  return `${figure.ms.toFixed(figure.ms < 100 ? 2 : 0)} ms ${rows.padStart(9)}`;
}

const pad = (text: string, { width, left }: { width: number; left: boolean }): string =>
  left ? text.padStart(width) : text.padEnd(width);
