import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc, { type Arbitrary } from 'fast-check';
import { openShop, type TestShop } from '../harness.ts';
import { AtOnce, Batch, OneByOne, type World } from './commands.ts';
import { emptyShop, type Operation } from './model.ts';
import { anyBeginning, anyMeeting, anyOrder, anyPlan, buyers, others } from './plans.ts';
import { RealShop } from './real.ts';

// The real shop against the model, from docs/adr/0008-simulation.md. A failure names its seed and
// path; to see it again: SOUK_TEST_SEED=… SOUK_TEST_PATH=… SOUK_TEST_REPLAY_PATH=…
// For a long run: SOUK_TEST_RUNS=5000

const setting = (name: string): string | undefined => process.env[`SOUK_TEST_${name}`];
const numberOf = (name: string): number | undefined =>
  setting(name) === undefined ? undefined : Number(setting(name));

const enoughMs = 60_000; // on a slow machine, and for the search for a smaller failure

let shop: TestShop;
before(async () => {
  shop = await openShop();
});
after(() => shop.close());

type Command = OneByOne | Batch | AtOnce;

async function agrees(commands: Arbitrary<Command>[], usual: { runs: number; steps: number }) {
  const anyCommands = fc.commands<World, RealShop, false>(commands, {
    maxCommands: usual.steps,
    size: 'max',
    replayPath: setting('REPLAY_PATH'),
  });
  const property = fc.asyncProperty(anyBeginning, anyCommands, async (beginning, steps) => {
    const real = await RealShop.open(shop.context, buyers, others);
    const world = { shop: emptyShop(buyers, others), steps: 0 };
    await fc.asyncModelRun(
      async () => ({ model: world, real }),
      [new OneByOne(beginning), ...steps],
    );
  });
  await fc.assert(property, {
    numRuns: numberOf('RUNS') ?? usual.runs,
    seed: numberOf('SEED') ?? Date.now(),
    path: setting('PATH') ?? '',
    interruptAfterTimeLimit: setting('RUNS') ? undefined : enoughMs,
    endOnFailure: setting('PATH') !== undefined,
  });
  assert.deepEqual(await shop.violations(), []);
}

const some = (one: Arbitrary<Operation>, minLength: number, maxLength: number) =>
  fc.array(one, { minLength, maxLength, size: 'max' });
const oneByOne = some(anyPlan, 1, 4).map((plans) => new OneByOne(plans));
const batch = some(anyOrder, 2, 5).map((plans) => new Batch(plans));
const choices = fc.array(fc.nat({ max: 4 }), { maxLength: 80, size: 'max' });
const atOnce = fc
  .tuple(anyMeeting, choices, fc.boolean())
  .map(([plans, order, isQueued]) => new AtOnce(plans, order, isQueued));

test('one by one and in batches, every answer and all that is seen is the model’s', () =>
  agrees([oneByOne, batch], { runs: 30, steps: 8 }));

test('however the statements of operations interleave, a serial order explains them', () =>
  agrees([oneByOne, atOnce, atOnce], { runs: 60, steps: 4 }));
