import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { inTurns } from '../../proofs/many-buyers.ts';
import { type Json, openShop, type TestNode, type TestShop, type User } from '../harness.ts';
import { query } from '../program-data.ts';
import { addToCart, insist, order, orderCart, orderOnce, times } from '../shopping.ts';

let shop: TestShop;
before(async () => {
  shop = await openShop();
});
after(() => shop.close());

/** What crosses: orders of the same things in all directions, carts, stocks. */
interface Scene {
  node: TestNode;
  seller: User;
  buyer: User;
  ids: string[];
  /** few of each, in several categories */
  rare: string[];
  index: number;
}

const acts = [
  ({ node, buyer, ids, index }: Scene) =>
    orderOnce(node, buyer, {
      products: linesOf(ids, index),
      key: { 'idempotency-key': `key ${index % 60}` },
    }),
  ({ node, buyer, ids, index }: Scene) => order(node, buyer, linesOf(ids, index).slice(0, 4)),
  ({ node, buyer }: Scene) => orderCart(node, buyer),
  ({ node, buyer, ids, index }: Scene) =>
    addToCart(node, buyer, { product_id: ids[index % ids.length] }),
  ({ node, seller, ids, index }: Scene) => {
    const body = { id: ids[index % ids.length], stock: 1_000_000 - index };
    return node.call('PATCH /product/', { token: seller.access, body });
  },
  ({ node, buyer }: Scene) => node.call('DELETE /cart/', { token: buyer.access }),
  ({ node, buyer, rare, index }: Scene) => order(node, buyer, linesOf(rare, index)),
  ({ node, seller, rare, index }: Scene) => {
    const body = { id: rare[(index >> 3) % rare.length], stock: 1 + (index % 2) };
    return node.call('PATCH /product/', { token: seller.access, body });
  },
  ({ node, buyer, ids, index }: Scene) => {
    const body = { product_id: ids[(index * 5) % ids.length], quantity: index % 4 };
    return node.call('PATCH /cart/', { token: buyer.access, body });
  },
  ({ node, buyer, ids, index }: Scene) =>
    node.call(`DELETE /cart/?product_id=${ids[index % ids.length]}`, { token: buyer.access }),
];

/** All of the products, from another one on, forwards or backwards. */
function linesOf(ids: string[], index: number): { product_id: string }[] {
  const from = (index * 5) % ids.length;
  const turned = [...ids.slice(from), ...ids.slice(0, from)].map((product_id) => ({ product_id }));
  return index % 4 < 2 ? turned : turned.toReversed();
}

test('what crosses on two nodes never meets in a deadlock', { timeout: 150_000 }, async () => {
  // Looked for before others give up a lock for the time that it takes: see lockTimeoutMs.
  await query(
    shop.databaseUrl,
    `DO $$ BEGIN
      EXECUTE format('ALTER DATABASE %I SET deadlock_timeout = 20', current_database());
    END $$`,
  );
  const nodes = [await shop.node(), await shop.node()];
  const seller = await shop.seller();
  const buyers = await Promise.all(times(6, () => shop.buyer()));
  const { id: category_id } = await shop.category(seller);
  const make = (): Promise<Json> => shop.product(seller, { category_id, stock: 1_000_000 });
  const ids = (await Promise.all(times(9, make))).map(({ id }) => id);
  const last = await Promise.all(times(5, () => shop.product(seller, { stock: 1 })));
  const rare = last.map(({ id }) => id);
  const statuses = new Map<number, number>();
  const turns = { atOnce: 40, signal: new AbortController().signal };
  await inTurns(times(500, String), turns, async (_, index) => {
    const node = nodes[(index >> 3) % 2] as TestNode;
    const buyer = buyers[(index >> 1) % buyers.length] as User;
    const act = acts[(index * 7) % acts.length] as (typeof acts)[number];
    const { status } = await insist(async () => act({ node, seller, buyer, ids, rare, index }));
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
  });
  assert.deepEqual(
    [...statuses.keys()].filter((status) => ![200, 201, 400, 422].includes(status)),
    [],
  );
  // Orders of plenty and additions to a cart, 50 each: how many more there are is a matter of luck.
  assert.ok((statuses.get(201) ?? 0) >= 100, JSON.stringify([...statuses]));
  for (const node of nodes) await node.close(); // a session tells its deadlocks when it ends
  const count = `
    SELECT deadlocks::int FROM pg_stat_database WHERE datname = current_database()`;
  assert.deepEqual(await query(shop.databaseUrl, count), [{ deadlocks: 0 }]);
  assert.deepEqual(await shop.violations(), []);
});
