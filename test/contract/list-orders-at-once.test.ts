import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { PageQueue } from '../../src/features/orders/page-queue.ts';
import { limits } from '../../src/kernel/limits.ts';
import { type Json, openShop, type TestShop, type User } from '../harness.ts';
import { ordered, times } from '../shopping.ts';

// Pages that are asked for while others are read are read together. Page by page, with nobody else
// there, each buyer's list is known; at once it must be the same.

let shop: TestShop;
let lists: { buyer: User; pages: Json[] }[];
before(async () => {
  shop = await openShop({}, { patient: true });
  const seller = await shop.seller();
  const { id: category_id } = await shop.category(seller);
  const things = await Promise.all(
    times(7, () => shop.product(seller, { category_id, stock: 9_000 })),
  );
  // Of 30 buyers the nth has n modulo 15 orders, of 1 to 3 lines and of n + 1 pieces.
  const buyers = await Promise.all(times(30, () => shop.buyer()));
  const placed = await Promise.all(
    buyers.map(async (buyer, n) => {
      const ids: string[] = [];
      for (let count = 0; count < n % 15; count += 1) {
        const lines = times(1 + (count % 3), (line) => ({
          product_id: things[(n + count + line) % things.length].id,
          quantity: n + 1,
        }));
        ids.unshift(await ordered(shop, buyer, ...lines));
      }
      return ids;
    }),
  );
  lists = [];
  for (const [n, buyer] of buyers.entries()) {
    const pages = [await read(buyer, 1), await read(buyer, 2)];
    const results = pages.flatMap((page) => page.results ?? []);
    assert.deepEqual(
      results.map(({ id }) => id),
      placed[n],
    );
    const items = results.flatMap((order) => order.items);
    assert.ok(items.every(({ quantity }) => quantity === n + 1));
    lists.push({ buyer, pages });
  }
});
after(() => shop.close());

const read = async ({ access }: User, page: number): Promise<Json> =>
  (await shop.call(`GET /list-user-order/?page=${page}`, { token: access })).body;

test('buyers who ask at once see their own orders, in full', async () => {
  const asked = times(2, () =>
    lists.map(async ({ buyer, pages }) => {
      const both = [read(buyer, 1), read(buyer, 2)];
      assert.deepEqual(await Promise.all(both), pages);
    }),
  );
  await Promise.all(asked.flat());
});

test('what waits is read by few statements, and each gets the page of the own', async () => {
  const queue = new PageQueue(shop.context);
  const places = lists.flatMap(({ buyer: { id: buyerId } }) =>
    [0, 1, 10].map((skipped) => ({ buyerId, skipped, from: 'newest', size: 10 }) as const),
  );
  const alone: object[] = [];
  for (const place of places) alone.push(await queue.read(place));
  const { db } = shop.context;
  const { rows } = db;
  let statements = 0;
  db.rows = (...asked) => {
    statements += 1;
    return rows(...asked);
  };
  const together = await Promise.all(places.map((place) => queue.read(place)));
  db.rows = rows;
  assert.deepEqual(together, alone);
  const waiting = places.length - limits.pageLanes;
  assert.equal(statements, limits.pageLanes + Math.ceil(waiting / limits.pageBatchReads));
});
