import assert from 'node:assert/strict';
import fc, { type Arbitrary } from 'fast-check';
import type { Context } from '../../src/context.ts';
import { openDb } from '../../src/kernel/db.ts';
import type { TestShop } from '../harness.ts';
import { type AtOnce, type Batch, OneByOne, type World } from './commands.ts';
import { emptyShop } from './model.ts';
import { anyBeginning, buyers, others } from './plans.ts';
import { RealShop } from './real.ts';

// Settings: SOUK_TEST_RUNS for a long run; SOUK_TEST_SEED, SOUK_TEST_PATH and
// SOUK_TEST_REPLAY_PATH to see a failure again.

const setting = (name: string): string | undefined => process.env[`SOUK_TEST_${name}`];
const numberOf = (name: string): number | undefined =>
  setting(name) === undefined ? undefined : Number(setting(name));

const enoughMs = 60_000; // on a slow machine, and for the search for a smaller failure

/**
 * The shop's context on connections without time-outs: on a slow machine the turns of others may
 * take long, and a transaction that waits for its own must not be ended for that.
 */
export function patient({ context, databaseUrl }: TestShop): Context {
  const options = { onLost: () => undefined, patient: true };
  return { ...context, db: openDb({ connectionString: databaseUrl }, options) };
}

/** Runs commands that fast-check makes up; fails with how to see a failure again. */
export async function assertAgreement(
  shop: TestShop,
  commands: Arbitrary<OneByOne | Batch | AtOnce>[],
  usual: { runs: number; steps: number; file: string },
): Promise<void> {
  const anyCommands = fc.commands<World, RealShop, false>(commands, {
    maxCommands: usual.steps,
    size: 'max',
    replayPath: setting('REPLAY_PATH'),
  });
  const context = patient(shop);
  const property = fc.asyncProperty(anyBeginning, anyCommands, async (beginning, steps) => {
    const real = await RealShop.open(context, buyers, others);
    const world = { shop: emptyShop(buyers, others), steps: 0 };
    await fc.asyncModelRun(
      async () => ({ model: world, real }),
      [new OneByOne(beginning), ...steps],
    );
  });
  const path = setting('PATH');
  const details = await fc.check(property, {
    numRuns: numberOf('RUNS') ?? usual.runs,
    seed: numberOf('SEED') ?? Date.now(),
    path: path ?? '',
    endOnFailure: path !== undefined,
    ...(setting('RUNS') === undefined ? { interruptAfterTimeLimit: enoughMs } : {}),
  });
  await context.db.close();
  if (details.failed) {
    const message = fc.defaultReportMessage(details) ?? '';
    const replayPath = /replayPath="([^"]*)"/.exec(message)?.[1];
    const settings = { SEED: details.seed, PATH: details.counterexamplePath };
    const all = Object.entries({ ...settings, REPLAY_PATH: replayPath });
    const again = all.map(([name, value]) => `SOUK_TEST_${name}='${value}'`).join(' ');
    const cause = details.errorInstance;
    throw new Error(`${message}\nAgain: ${again} npm test -- ${usual.file}`, { cause });
  }
  assert.deepEqual(await shop.violations(), []);
}
