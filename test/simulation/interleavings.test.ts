import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { openShop, type TestShop } from '../harness.ts';
import { assertAgreement } from './agree.ts';
import { AtOnce, oneByOne } from './commands.ts';
import { anyMeeting } from './plans.ts';

// See docs/adr/0008-simulation.md.

let shop: TestShop;
before(async () => {
  shop = await openShop();
});
after(() => shop.close());

const choices = fc.array(fc.nat({ max: 4 }), { maxLength: 80, size: 'max' });
const atOnce = fc
  .tuple(anyMeeting, choices, fc.boolean())
  .map(([plans, turns, isQueued]) => new AtOnce(plans, turns, isQueued));
const usual = { runs: 30, steps: 4, file: 'interleavings' };

test('however the statements of operations interleave, a serial order explains them', () =>
  assertAgreement(shop, [oneByOne, atOnce, atOnce], usual));
