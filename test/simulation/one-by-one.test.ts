import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { openShop, type TestShop } from '../harness.ts';
import { assertAgreement } from './agree.ts';
import { Batch, oneByOne } from './commands.ts';
import { anyOrder } from './plans.ts';

let shop: TestShop;
before(async () => {
  shop = await openShop();
});
after(() => shop.close());

const batch = fc
  .array(anyOrder, { minLength: 2, maxLength: 5, size: 'max' })
  .map((plans) => new Batch(plans));

test('one by one and in batches, every answer and all that is seen is the model’s', () =>
  assertAgreement(shop, [oneByOne, batch], { runs: 30, steps: 8, file: 'one-by-one' }));
