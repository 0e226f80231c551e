import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { sql } from '../../src/kernel/db.ts';
import { openShop, type TestShop } from '../harness.ts';
import { addToCart, orderCart, ordersOf } from '../shopping.ts';

let shop: TestShop;
before(async () => {
  shop = await openShop();
});
after(() => shop.close());

test('a cart is ordered from its oldest line, though it is older by a microsecond', async () => {
  const [seller, buyer] = [await shop.seller(), await shop.buyer()];
  const [bell, gong] = [await shop.product(seller), await shop.product(seller)];
  for (const { id } of [bell, gong]) await addToCart(shop, buyer, { product_id: id });
  await shop.context.db.rows(sql`
    UPDATE cart_lines SET added_at = CASE WHEN product_id = ${gong.id}
      THEN timestamptz '2026-01-01 00:00:00.000001Z' ELSE '2026-01-01 00:00:00.000002Z' END
    WHERE buyer_id = ${buyer.id}`);
  assert.equal((await orderCart(shop, buyer)).status, 201);
  const [order] = await ordersOf(shop, buyer);
  assert.deepEqual(
    order.items.map(({ product }: { product: { id: string } }) => product.id),
    [gong.id, bell.id],
  );
});
