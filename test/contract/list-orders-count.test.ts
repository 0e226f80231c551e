import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { sql } from '../../src/kernel/db.ts';
import { openShop, type TestShop, type User } from '../harness.ts';
import { moved, order, ordered, times } from '../shopping.ts';

// A buyer's orders are counted with the events of their stream, not when somebody looks.

let shop: TestShop;
let seller: User;
before(async () => {
  shop = await openShop();
  seller = await shop.seller();
});
after(() => shop.close());

const countOf = async ({ access }: User): Promise<number> =>
  (await shop.call('GET /list-user-order/', { token: access })).body.count;

/** What the stream of a user keeps: orders, the last offset. */
async function keptOf({ id }: User): Promise<number[]> {
  const row = await shop.context.db.row<Record<string, number>>(sql`
    SELECT orders_placed, last_offset FROM streams WHERE user_id = ${id}`);
  return Object.values(row ?? {});
}

test('orders are counted with their events, for the buyer alone', async () => {
  const buyer = await shop.buyer();
  assert.deepEqual(await keptOf(buyer), [0, 0]);
  const bell = await shop.product(seller, { stock: 4 });
  const id = await ordered(shop, buyer, { product_id: bell.id });
  await moved(shop, seller, { id, to: ['shipped', 'delivered'] });
  const [, before] = await keptOf(seller);
  assert.deepEqual(await keptOf(buyer), [1, 3]);
  const other = await shop.product(await shop.seller());
  await ordered(shop, buyer, { product_id: bell.id }, { product_id: other.id });
  assert.deepEqual(await keptOf(buyer), [3, 5]);
  assert.deepEqual(await keptOf(seller), [0, Number(before) + 1]);
  assert.equal(await countOf(buyer), 3);
});

test('what is refused is not counted', async () => {
  const buyer = await shop.buyer();
  const bell = await shop.product(seller, { stock: 1 });
  const answers = await Promise.all(times(8, () => order(shop, buyer, [{ product_id: bell.id }])));
  assert.equal(answers.filter(({ status }) => status === 201).length, 1);
  assert.deepEqual([await countOf(buyer), await keptOf(buyer)], [1, [1, 1]]);
});
