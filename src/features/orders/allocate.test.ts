import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Allocation, allocate, type Offered, type Wanted } from './allocate.ts';

const offered = (id: string, stock: number, more: Partial<Offered> = {}): Offered => ({
  id,
  sellerId: 1,
  categoryId: 'things',
  name: `Thing ${id}`,
  priceMinor: 100,
  stock,
  ...more,
});

const wants = (...lines: [productId: string, quantity: number][]): Wanted => ({
  lines: lines.map(([productId, quantity]) => ({ productId, quantity })),
});

const messageOf = (allocation?: Allocation): string | undefined =>
  allocation && 'refusal' in allocation ? allocation.refusal.message : undefined;

test('who comes first is served first', () => {
  const things = [offered('a', 3), offered('b', 0), offered('c', 3)];
  const { allocations, taken, soldOut } = allocate(
    [wants(['a', 2]), wants(['a', 2]), wants(['a', 1])],
    things,
  );
  assert.equal(messageOf(allocations[0]), undefined);
  assert.equal(messageOf(allocations[1]), 'Insufficient stock for product Thing a');
  assert.equal(messageOf(allocations[2]), undefined);
  assert.deepEqual(taken, [{ productId: 'a', quantity: 3 }]);
  assert.deepEqual(soldOut, things.slice(0, 1));
});

test('an order is all or nothing', () => {
  const { allocations, taken } = allocate(
    [wants(['a', 1], ['b', 9]), wants(['a', 1], ['missing', 1])],
    [offered('a', 5), offered('b', 5)],
  );
  assert.equal(messageOf(allocations[0]), 'Insufficient stock for product Thing b');
  assert.equal(messageOf(allocations[1]), 'Product missing not found');
  assert.deepEqual(taken, []);
});

test('the same product twice adds up', () => {
  const twice = wants(['a', 2], ['a', 2]);
  assert.equal(
    messageOf(allocate([twice], [offered('a', 3)]).allocations[0]),
    'Insufficient stock for product Thing a',
  );
  const { allocations } = allocate([twice], [offered('a', 4)]);
  assert.deepEqual(allocations[0], {
    orders: [
      {
        sellerId: 1,
        totalMinor: 400,
        lines: [{ productId: 'a', name: 'Thing a', unitPriceMinor: 100, quantity: 4 }],
      },
    ],
  });
});

test('each seller gets an order of its own', () => {
  const products = [offered('a', 5), offered('b', 5, { sellerId: 2 }), offered('c', 5)];
  const { allocations } = allocate([wants(['a', 1], ['b', 1], ['c', 1])], products);
  const [allocation] = allocations;
  assert.ok(allocation && 'orders' in allocation);
  assert.deepEqual(
    allocation.orders.map(({ sellerId, lines }) => [sellerId, lines.map((l) => l.productId)]),
    [
      [1, ['a', 'c']],
      [2, ['b']],
    ],
  );
});

test('nothing, and more than a JSON number can hold, is refused', () => {
  const dear = offered('a', 10_000, { priceMinor: 999_999_999_999 });
  const { allocations } = allocate([wants(), wants(['a', 10_000])], [dear]);
  assert.equal(messageOf(allocations[0]), 'No products provided');
  assert.equal(messageOf(allocations[1]), 'The order total is too large');
});

const ids = ['a', 'b', 'c', 'd'];
const anyLine = fc.record({
  productId: fc.constantFrom(...ids, 'missing'),
  quantity: fc.integer({ min: 1, max: 12 }),
});
const anyWanted = fc.array(fc.record({ lines: fc.array(anyLine, { maxLength: 5 }) }), {
  maxLength: 20,
});
const anyOffered = fc.tuple(
  ...ids.map((id) =>
    fc
      .record({ stock: fc.nat(30), sellerId: fc.nat(2), priceMinor: fc.nat(999) })
      .map(({ stock, ...more }) => offered(id, stock, more)),
  ),
);

test('stock is conserved, never negative, and totals are the sums of their lines', () => {
  fc.assert(
    fc.property(anyWanted, anyOffered, (wanted, products) => {
      const { allocations, taken } = allocate(wanted, products);
      assert.equal(allocations.length, wanted.length);
      const sold = new Map<string, number>();
      for (const allocation of allocations) {
        for (const order of 'orders' in allocation ? allocation.orders : []) {
          const total = order.lines.reduce((sum, l) => sum + l.unitPriceMinor * l.quantity, 0);
          assert.equal(order.totalMinor, total);
          for (const { productId, quantity } of order.lines) {
            sold.set(productId, (sold.get(productId) ?? 0) + quantity);
          }
        }
      }
      assert.deepEqual(
        new Map(taken.map((t) => [t.productId, t.quantity])),
        new Map([...sold].toSorted(([a], [b]) => ids.indexOf(a) - ids.indexOf(b))),
      );
      for (const { id, stock } of products) assert.ok((sold.get(id) ?? 0) <= stock);
    }),
    { numRuns: 2_000 },
  );
});

test('a batch decides as the same orders one by one would', () => {
  fc.assert(
    fc.property(anyWanted, anyOffered, (wanted, products) => {
      const together = allocate(wanted, products).allocations;
      let left = products;
      const oneByOne = wanted.map((one) => {
        const { allocations, taken } = allocate([one], left);
        left = left.map((product) => {
          const out = taken.find((t) => t.productId === product.id)?.quantity ?? 0;
          return { ...product, stock: product.stock - out };
        });
        return allocations[0];
      });
      assert.deepEqual(together, oneByOne);
    }),
    { numRuns: 1_000 },
  );
});
