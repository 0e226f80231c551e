import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type CartChange, CartModel, type Lines } from '../../proofs/chaos/cart-model.ts';
import { Field } from '../../proofs/chaos/things.ts';
import { Weather } from '../../proofs/chaos/weather.ts';

// The checker of `npm run chaos` must take every history that can be, and none that cannot.

type Fate = 'acknowledged' | 'now' | 'later' | 'never';

const productId = fc.constantFrom('bell', 'lamp');
const change: fc.Arbitrary<CartChange> = fc.oneof(
  fc.record({
    kind: fc.constant('add' as const),
    productId,
    quantity: fc.integer({ min: 1, max: 3 }),
  }),
  fc.record({
    kind: fc.constant('set' as const),
    productId,
    quantity: fc.integer({ min: 0, max: 3 }),
  }),
  fc.constant({ kind: 'empty' as const }),
);
const unanswered = fc.constantFrom<Fate>('now', 'later', 'never');
const step = fc.record({
  change,
  fate: fc.oneof(
    { weight: 3, arbitrary: fc.constant<Fate>('acknowledged') },
    { weight: 1, arbitrary: unanswered },
  ),
});

/** What the database would do. */
function changed(lines: Lines, one: CartChange): Lines {
  if (one.kind === 'empty') return new Map();
  const quantity = one.quantity + (one.kind === 'add' ? (lines.get(one.productId) ?? 0) : 0);
  const next = new Map(lines).set(one.productId, quantity);
  if (quantity === 0) next.delete(one.productId);
  return next;
}

test('a cart that can be is believed, whatever became of changes without an answer', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const model = new CartModel();
      let lines: Lines = new Map();
      let later: CartChange | undefined;
      for (const { change: one, fate } of steps) {
        if (fate === 'acknowledged') {
          lines = changed(lines, one);
          model.did(one);
        } else if (later === undefined) {
          model.mayDo(one);
          if (fate === 'now') lines = changed(lines, one);
          else later = one;
          if (fate === 'never') continue;
        }
        assert.ok(model.sees(lines), `it may hold ${JSON.stringify([...lines])}`);
      }
    }),
  );
});

test('a change without an answer may happen after later ones', () => {
  const model = new CartModel();
  model.mayDo({ kind: 'set', productId: 'bell', quantity: 1 });
  model.did({ kind: 'set', productId: 'bell', quantity: 5 });
  assert.ok(model.sees(new Map([['bell', 5]])));
  assert.ok(model.sees(new Map([['bell', 1]])));
  assert.equal(model.sees(new Map([['bell', 5]])), false);
});

test('an acknowledged change that is not there is noticed', () => {
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 8 }), change, (before, lost) => {
      const model = new CartModel();
      let lines: Lines = new Map();
      for (const one of before) {
        model.did(one);
        lines = changed(lines, one);
      }
      const after = changed(lines, lost);
      fc.pre(JSON.stringify([...after]) !== JSON.stringify([...lines]));
      model.did(lost);
      assert.equal(model.sees(lines), false);
    }),
  );
});

test('once settled, what had no answer happens no more', () => {
  const model = new CartModel();
  const first = model.mayDo({ kind: 'add', productId: 'bell', quantity: 1 });
  model.mayDo({ kind: 'add', productId: 'lamp', quantity: 1 });
  assert.ok(model.sees(new Map()));
  model.settle(first);
  assert.ok(model.sees(new Map()));
  assert.ok(model.sees(new Map([['lamp', 1]])));
  const both = [
    ['lamp', 1],
    ['bell', 1],
  ] as const;
  assert.equal(model.sees(new Map(both)), false);
});

test('many changes without an answer are borne', () => {
  const model = new CartModel();
  for (let count = 0; count < 4; count += 1) {
    model.mayDo({ kind: 'add', productId: 'bell', quantity: 1 });
    model.mayDo({ kind: 'set', productId: 'lamp', quantity: count });
  }
  assert.ok(
    model.sees(
      new Map([
        ['bell', 4],
        ['lamp', 2],
      ]),
    ),
  );
  assert.equal(model.sees(new Map([['bell', 5]])), false);
});

test('a price may be read as long as it can stand, and no longer', () => {
  const price = new Field(10);
  const settlesAt = (): number => 600;
  price.wrote({ value: 11, sentAt: 100, endedAt: 200, certain: true, settlesAt });
  price.wrote({ value: 12, sentAt: 300, endedAt: 400, certain: false, settlesAt });
  price.wrote({ value: 13, sentAt: 500, endedAt: 550, certain: true, settlesAt });
  price.wrote({ value: 14, sentAt: 700, endedAt: 800, certain: true, settlesAt });
  const during = (from: number, until: number): number[] =>
    price.during(from, until).toSorted((a, b) => a - b);
  assert.deepEqual(during(0, 50), [10]);
  assert.deepEqual(during(150, 160), [10, 11]);
  assert.deepEqual(during(250, 260), [11]);
  assert.deepEqual(during(350, 360), [11, 12]);
  assert.deepEqual(during(560, 650), [12, 13]); // the one without an answer may come last
  assert.deepEqual(during(900, 950), [14]);
});

test('a fault excuses what it allows, while it lasts', () => {
  const weather = new Weather();
  const now = performance.now();
  assert.ok(weather.isDatabaseWell(now, now));
  weather.storm([])();
  assert.ok(weather.isDatabaseWell(now, performance.now()));
  const heal = weather.storm([503], true);
  assert.ok(weather.excuses(503, performance.now(), performance.now()));
  assert.equal(weather.isDatabaseWell(now, performance.now()), false);
  assert.equal(weather.excuses('cut', performance.now(), performance.now()), false);
  assert.equal(weather.settlesAt(now, performance.now()), Infinity);
  heal();
  const later = performance.now() + 250;
  assert.ok(weather.excuses(503, later - 100, later + 9_000));
  assert.equal(weather.excuses(503, later, later + 9_000), false);
  assert.ok(weather.settlesAt(now, now) < Infinity);
});
