import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { currencyOf, decimalsOf, toMajor, toMinor } from './money.ts';

test('amounts survive the way to major units, JSON and back', () => {
  for (const code of ['USD', 'JPY', 'KWD']) {
    const currency = currencyOf(code);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 999_999_999_999_999 }), (minor) => {
        const shown = JSON.parse(JSON.stringify(toMajor(minor, currency))) as number;
        assert.equal(toMinor(shown, currency), minor);
        assert.ok(decimalsOf(shown) <= currency.decimals);
      }),
    );
  }
});

test('decimals are counted as written', () => {
  const cases = [
    [19.99, 2],
    [20, 0],
    [0.1, 1],
    [1e-7, 7],
    [1.5e-7, 8],
    [1e21, 0],
  ] as const;
  for (const [value, decimals] of cases) assert.equal(decimalsOf(value), decimals, String(value));
});

test('only ISO 4217 codes are currencies', () => {
  assert.deepEqual(currencyOf('EUR'), { code: 'EUR', decimals: 2 });
  assert.throws(() => currencyOf('eur'), RangeError);
  assert.throws(() => currencyOf('EURO'), RangeError);
});
