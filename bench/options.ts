import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { Workload } from './bench.ts';

export interface Options {
  chosen: Workload[];
  seconds: number;
  rounds: number;
  minutes: number;
  json: string | undefined;
  profile: string | undefined;
  redis: boolean;
}

const usage = (workloads: Workload[]): string => `Usage: npm run bench [-- options]
       npm run bench -- growth [options]   how the shop behaves as it grows

  --only NAME,…    only workloads with one of these in their names
  --seconds N      how long each run takes load (3)
  --rounds N       how often ours and the limit take turns (3)
  --minutes N      how long the workload memory takes load (10)
  --json FILE      write all figures there as well
  --profile DIR    write CPU profiles of the shops' processes there, and say whose the time is
  --no-redis       run the shops without Redis where there is one

Workloads: ${workloads.map(({ name }) => name).join(', ')}
By name only: ${workloads.flatMap(({ name, onRequest }) => (onRequest ? name : [])).join(', ')}
`;

/** @returns the text to show to who asked for help · @throws for what cannot be read */
export function readOptions(args: string[], workloads: Workload[]): Options | { help: string } {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args,
    options: {
      only: text,
      seconds: { ...text, default: '3' },
      rounds: { ...text, default: '3' },
      minutes: { ...text, default: '10' },
      json: text,
      profile: text,
      'no-redis': { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) return { help: usage(workloads) };
  const count = (name: 'seconds' | 'rounds' | 'minutes'): number => {
    const value = Number(values[name]);
    if (Number.isInteger(value) && value >= 1 && value <= 3600) return value;
    throw new Error(`--${name} takes a whole number from 1 to 3600`);
  };
  const path = (value: string | undefined) => (value === undefined ? undefined : resolve(value));
  return {
    chosen: choose(workloads, values.only),
    seconds: count('seconds'),
    rounds: count('rounds'),
    minutes: count('minutes'),
    json: path(values.json),
    profile: path(values.profile),
    redis: !values['no-redis'],
  };
}

function choose(workloads: Workload[], only: string | undefined): Workload[] {
  if (only === undefined) return workloads.filter(({ onRequest }) => !onRequest);
  const parts = only.split(',').filter((part) => part !== '');
  const strange = parts.filter((part) => !workloads.some(({ name }) => name.includes(part)));
  if (strange.length > 0) throw new Error(`No workload has "${strange[0]}" in its name`);
  return workloads.filter(({ name }) => parts.some((part) => name.includes(part)));
}
