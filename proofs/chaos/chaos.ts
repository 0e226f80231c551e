import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { OperatorError } from '../../src/kernel/errors.ts';
import { projectRoot } from '../../src/kernel/root.ts';
import { countOf, type Host, type Proof } from '../proof.ts';
import { type Random, randomFrom } from '../random.ts';
import { openTown } from '../town.ts';
import { Crowd } from './crowd.ts';
import type { Effect, Fault } from './fault.ts';
import { clientFaults } from './faults-clients.ts';
import { databaseFaults } from './faults-database.ts';
import { nodeFaults } from './faults-nodes.ts';
import { redisFaults } from './faults-redis.ts';
import { History, type Violation } from './history.ts';
import { countsOf, FaultReport, latencyOf } from './report.ts';
import { World } from './world.ts';

const faults = [...nodeFaults, ...databaseFaults, ...redisFaults, ...clientFaults];
const historyFile = join(projectRoot(), 'build/chaos-history.ndjson');

export const chaos: Proof = {
  summary: 'a random mix of everything, while servers are killed, paused and filled',
  usage: `Usage: npm run chaos -- [--minutes M] [--seed S] [--slack N] [--only FAULT]

Buyers and sellers use two nodes, a PostgreSQL and a Redis, over HTTP and WebSocket only, while
faults strike: ${faults.map(({ name }) => name).join(' · ')}.
Every answer is checked against all that was acknowledged before, and in the end everything
against everything: I1 to I11 of docs/resilience.md. The history is in
build/chaos-history.ndjson, one request a line.

  --minutes M   how long it lasts (1); from 10 on, PostgreSQL is paused for 30 s
  --seed S      repeats the choices of an earlier run, though not its timing
  --slack N     bars of time times N (1), for machines that are busy with other things
  --only FAULT  only faults with FAULT in their names; "none": no fault at all`,
  async run(args, host) {
    const text = { type: 'string' } as const;
    const { values } = parseArgs({
      args,
      options: {
        minutes: { ...text, default: '1' },
        seed: text,
        slack: { ...text, default: '1' },
        only: { ...text, default: '' },
      },
    });
    const seed = values.seed ? countOf('seed', values.seed) : 1 + (Date.now() % 1_000_000);
    const minutes = countOf('minutes', values.minutes);
    const { only } = values;
    const chosen = faults.filter(({ name }) => name.includes(only));
    if (chosen.length === 0 && only !== 'none')
      throw new OperatorError(`No fault has "${only}" in its name; --help lists them`);
    const slack = countOf('slack', values.slack);
    return runChaos({ minutes, seed, slack, faults: chosen }, host);
  },
};

interface Options {
  minutes: number;
  seed: number;
  slack: number;
  faults: Fault[];
}

async function runChaos({ minutes, seed, slack, faults }: Options, host: Host): Promise<boolean> {
  host.say(`chaos: ${minutes} min, two nodes; again with: --minutes ${minutes} --seed ${seed}`);
  const town = await openTown(2, { ACCESS_TOKEN_MINUTES: '1440' });
  const history = new History(historyFile, (violation) => sayViolation(host, violation));
  const world = new World({ town, random: randomFrom(seed), history, seed });
  try {
    const crowd = await Crowd.gathered(world);
    const began = performance.now();
    const until = began + minutes * 60_000;
    const report = new FaultReport(slack);
    await strikeUntil(until, { world, crowd, report, faults, host, minutes });
    const seconds = (performance.now() - began) / 1_000;
    host.say('— the last requests end, and what had no answer settles');
    await crowd.leave();
    const { total } = world.history;
    const checked = await crowd.check();
    report.judgeDelays(world, crowd.listeners);
    host.say(`\n${countsOf(world.history)}\n\n${report.toString()}\n`);
    host.say(`${total} requests in ${seconds.toFixed(0)} s: ${(total / seconds).toFixed(0)}/s`);
    host.say(`${checked}; events reached open sockets within ${latencyOf(crowd.listeners)}`);
    host.say(`${world.socketEndsChecked} sockets were seen to end with their sessions`);
    host.say(`not met: ${report.unmet(faults)}`);
    const { count, longestMs } = world.stalls;
    host.say(`the machine itself stood still ${count} times, at most ${longestMs.toFixed(0)} ms`);
    const verified = await town.verify();
    host.say(verified.output);
    const { length } = world.history.violations;
    host.say(`${length} violations; the history is in ${historyFile}`);
    return length === 0 && verified.holds;
  } finally {
    world.isOver = true;
    await world.stalls.stop();
    world.client.close();
    await world.history.close();
    await town.close();
  }
}

function sayViolation({ say }: Host, { rule, text, requestIds }: Violation): void {
  const ids = requestIds.length > 0 ? `  [${requestIds.join(' ')}]` : '';
  say(`✖ ${rule}  ${text}${ids}`);
}

interface Stage {
  world: World;
  crowd: Crowd;
  report: FaultReport;
  faults: Fault[];
  host: Host;
  minutes: number;
}

/** One fault after the other, in an order that the seed gives, with calm between them. */
async function strikeUntil(until: number, stage: Stage): Promise<void> {
  const { world, crowd, faults, host, minutes } = stage;
  const random = world.random.fork('faults');
  let coming: Fault[] = [];
  while (performance.now() < until && !host.signal.aborted) {
    if (coming.length === 0) coming = shuffled(faults, random);
    await sleep(1_000 + random.below(minutes > 2 ? 4_000 : 500));
    const fault = coming.pop();
    if (fault) await strike(fault, stage);
    const left = Math.max(0, (until - performance.now()) / 1_000).toFixed(0);
    const { total, violations } = world.history;
    const what = fault?.name ?? 'no fault';
    host.say(`  ${left} s left: ${total} requests, ${violations.length} violations; ${what}`);
    await crowd.grow();
  }
}

async function strike(fault: Fault, { world, crowd, report, minutes }: Stage): Promise<void> {
  const from = performance.now();
  const heal = world.weather.storm(fault.allows, fault.delays);
  const isLong = minutes >= 10;
  let effect: Effect = { healedAt: from };
  try {
    effect = await fault.strike(world, isLong ? (fault.delays ? 30 : 5) : 2);
  } catch (error) {
    const text = error instanceof Error ? error.stack : String(error);
    world.history.violate('chaos', `${fault.name} could not be done: ${text}`);
    for (const node of world.town.nodes) if (await node.ended(0)) await node.start();
  }
  await crowd.prober.orderEverywhere();
  heal();
  const backAt = performance.now();
  report.add(world, { fault, from, backAt, effect });
}

function shuffled<T>(items: T[], random: Random): T[] {
  const left = [...items];
  return items.map(() => left.splice(random.below(left.length), 1)[0] as T);
}
