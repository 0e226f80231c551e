/** One workload measured: what the shop does, what the limit does in the same run. */
export interface Row {
  workload: string;
  unit: string;
  ours?: number;
  limit?: number;
  /** the median of the rounds' own ratios, not the ratio of the medians */
  ratio?: number;
  p50Ms?: number;
  p99Ms?: number;
  bar: string;
  ok: boolean;
  /** what else is worth knowing, one line each */
  notes: string[];
  /** the figures of each round, for the JSON file */
  rounds: object[];
}

const columns: [string, (row: Row) => string][] = [
  ['workload', (row) => row.workload],
  ['ours', ({ ours, unit }) => amount(ours, unit)],
  ['limit', ({ limit, unit }) => amount(limit, unit)],
  ['ratio', (row) => row.ratio?.toFixed(2) ?? ''],
  ['p50', (row) => milliseconds(row.p50Ms)],
  ['p99', (row) => milliseconds(row.p99Ms)],
  ['bar', (row) => row.bar],
  ['ok?', (row) => (row.ok ? 'yes' : 'NO')],
];

/** The rows as a table of text, with their notes below. */
export function formatTable(rows: Row[]): string {
  const cells = [
    columns.map(([title]) => title),
    ...rows.map((row) => columns.map(([, text]) => text(row))),
  ];
  const widths = columns.map((_, at) => Math.max(...cells.map((line) => line[at]?.length ?? 0)));
  const lines = cells.map((line) =>
    line
      .map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
  lines.splice(1, 0, widths.map((width) => '─'.repeat(width)).join('  '));
  const notes = rows.flatMap((row) => row.notes.map((note) => `${row.workload}: ${note}`));
  return `${[...lines, '', ...notes].join('\n')}\n`;
}

export function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low, high] = [sorted[Math.ceil(middle) - 1] ?? 0, sorted[Math.floor(middle)] ?? 0];
  return (low + high) / 2;
}

const amount = (value: number | undefined, unit: string): string =>
  value === undefined ? '' : `${Number(value.toPrecision(3)).toLocaleString('en-US')} ${unit}`;

const milliseconds = (value: number | undefined): string =>
  value === undefined ? '' : `${value.toFixed(value < 10 ? 1 : 0)} ms`;
