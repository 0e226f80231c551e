import type { Bench } from './bench.ts';
import { median, type Row } from './report.ts';

const WARM_UP_SECONDS = 2;

/** What one run of one side came to. */
export interface Run {
  perSecond: number;
  p50Ms?: number;
  p99Ms?: number;
  /** processor time of the server for one request */
  cpuMicroseconds?: number;
  /** for the line that is said after the run */
  remark?: string;
}

/** One of the two that are compared: it takes load for some seconds. */
export interface Side {
  name: string;
  /** its first seconds are like the others */
  cold?: boolean;
  run(seconds: number): Promise<Run>;
  stop?(): Promise<void>;
}

export interface Round {
  ours: Run;
  limit?: Run;
}

/** Ours, limit, ours, limit … so that whatever else the machine does hits both alike. */
export async function takeTurns(bench: Bench, ours: Side, limit?: Side): Promise<Round[]> {
  for (const side of [ours, limit]) if (side && !side.cold) await side.run(WARM_UP_SECONDS);
  const rounds: Round[] = [];
  for (let round = 1; round <= bench.rounds; round += 1) {
    const pair: Round = { ours: await ours.run(bench.seconds) };
    if (limit) pair.limit = await limit.run(bench.seconds);
    rounds.push(pair);
    const said = [describe(ours, pair.ours)];
    if (limit && pair.limit) said.push(describe(limit, pair.limit));
    bench.say(`  round ${round}: ${said.join(', ')}`);
  }
  for (const side of [ours, limit]) await side?.stop?.();
  return rounds;
}

const describe = ({ name }: Side, { perSecond, remark }: Run): string =>
  `${name} ${Math.round(perSecond)}/s${remark ? ` (${remark})` : ''}`;

/** The row of a workload whose bar is a ratio of throughputs. */
export function compare(
  rounds: Round[],
  row: Pick<Row, 'workload' | 'unit'> & {
    /** the least ratio; undefined: reported only */
    bar?: number;
    notes?: string[];
    /** whether what was done is also right; a fast wrong answer is worth nothing */
    right?: boolean;
  },
): Row {
  const { workload, unit, bar, notes = [], right = true } = row;
  const middle = (value: (round: Round) => number | undefined): number | undefined => {
    const values = rounds.flatMap((round) => value(round) ?? []);
    return values.length === rounds.length ? median(values) : undefined;
  };
  const ratio = middle(({ ours, limit }) => limit && ours.perSecond / limit.perSecond);
  const missed = bar !== undefined && (ratio === undefined || ratio < bar);
  return {
    workload,
    unit,
    ours: middle(({ ours }) => ours.perSecond),
    limit: middle(({ limit }) => limit?.perSecond),
    ratio,
    p50Ms: middle(({ ours }) => ours.p50Ms),
    p99Ms: middle(({ ours }) => ours.p99Ms),
    bar: bar === undefined ? 'reported' : `≥ ${bar.toFixed(2)}`,
    ok: right && !missed,
    notes: [...notes, ...cpuNote(middle)],
    rounds,
  };
}

function cpuNote(middle: (value: (round: Round) => number | undefined) => number | undefined) {
  const ours = middle(({ ours }) => ours.cpuMicroseconds);
  const limit = middle(({ limit }) => limit?.cpuMicroseconds);
  if (ours === undefined) return [];
  const note = `processor time of our process for one ${ours.toFixed(0)} µs`;
  if (limit === undefined) return [note];
  return [`${note}, of the limit's ${limit.toFixed(0)} µs (ratio ${(limit / ours).toFixed(2)})`];
}
