import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { sqlRaw } from '../../src/kernel/db.ts';
import { type Json, openShop, type TestNode, type TestShop, type User } from '../harness.ts';
import { ordered, times } from '../shopping.ts';

// Where an index has the right order the query's own may be wrong unseen, until there are so many
// rows that PostgreSQL reads them in another way. This node makes it do so.

let shop: TestShop;
let node: TestNode;
let buyer: User;
before(async () => {
  shop = await openShop();
  for (const way of ['enable_indexscan', 'enable_indexonlyscan']) {
    await shop.context.db.rows(
      sqlRaw(`DO $$ BEGIN
        EXECUTE format('ALTER DATABASE %I SET ${way} = off', current_database());
      END $$`),
    );
  }
  node = await shop.node();
  buyer = await shop.buyer();
});
after(() => shop.close());

const read = async (path: string): Promise<string[]> => {
  const { body } = await node.call(`GET ${path}`, { token: buyer.access });
  return body.results.map(({ id }: Json) => id);
};

test('products alike in all but age are listed by age, on every page', async () => {
  const seller = await shop.seller();
  const { id: category_id } = await shop.category(seller);
  const alike: string[] = [];
  for (let count = 0; count < 30; count += 1) {
    alike.push((await shop.product(seller, { category_id })).id);
  }
  for (const id of alike.slice(0, 9)) {
    const body = { id, description: 'It rings again' }; // moves its row behind the others
    await shop.call('PATCH /product/', { token: seller.access, body });
  }
  for (const ordering of ['price', '-price', 'name', '-name', 'created_at']) {
    const pages = times(3, (page) => read(`/list-product/?ordering=${ordering}&page=${page + 1}`));
    assert.deepEqual((await Promise.all(pages)).flat(), alike, ordering);
  }
});

test('the orders of one checkout are listed the newest first, on every page', async () => {
  const lines = await Promise.all(
    times(6, async () => ({ product_id: (await shop.product(await shop.seller())).id })),
  );
  await ordered(shop, buyer, ...lines);
  const all = await read('/list-user-order/?page_size=100');
  assert.equal(all.length, 6);
  assert.deepEqual(all, all.toSorted().toReversed());
  const pages = times(3, (page) => read(`/list-user-order/?page_size=2&page=${page + 1}`));
  assert.deepEqual((await Promise.all(pages)).flat(), all);
});
