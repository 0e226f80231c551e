import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Context } from '../../src/context.ts';
import {
  archiveCategory,
  createCategory,
  updateCategory,
} from '../../src/features/catalog/categories.ts';
import { changeOffer, offerProduct, withdrawProduct } from '../../src/features/inventory/offers.ts';
import { CheckoutQueue } from '../../src/features/orders/checkout-queue.ts';
import { StatusQueue } from '../../src/features/orders/status-queue.ts';
import { type Json, openShop, type TestShop, type User } from '../harness.ts';
import { addToCart, ordered } from '../shopping.ts';

// A hint before the commit makes readers look too early: they would find nothing, and hear of the
// change a second late. Red when a hint is published inside a transaction, or not at all.

let shop: TestShop;
let seller: User;
let buyer: User;
let bell: Json;
before(async () => {
  shop = await openShop();
  [seller, buyer] = [await shop.seller(), await shop.buyer()];
  bell = await shop.product(seller, { stock: 100 });
});
after(() => shop.close());

/** The real database and bus; notes each hint, and whether a transaction was open meanwhile. */
function noting(context: Context): { outside: Context; heard: string[] } {
  let open = 0;
  const heard: string[] = [];
  const db: Context['db'] = {
    ...context.db,
    async transaction(work) {
      open += 1;
      try {
        return await context.db.transaction(work);
      } finally {
        open -= 1;
      }
    },
  };
  const bus: Context['bus'] = {
    ...context.bus,
    publish(topic, hint) {
      heard.push(open > 0 ? `${topic} too early` : topic);
      context.bus.publish(topic, hint);
    },
  };
  return { outside: { ...context, db, bus }, heard };
}

const actor = () => ({ userId: seller.id, isOperator: false });
const lines = () => [{ productId: bell.id, quantity: 1 }];

const acts: Record<string, { act: (outside: Context) => Promise<unknown>; hints: string[] }> = {
  'an order': {
    act: (outside) =>
      new CheckoutQueue(outside).place({ buyerId: buyer.id, lines: lines(), claim: undefined }),
    hints: ['catalog.changed', 'streams.grown'],
  },
  'an order of a cart': {
    async act(outside) {
      await addToCart(shop, buyer, { product_id: bell.id, quantity: 2 });
      const checkout = { buyerId: buyer.id, lines: 'cart' as const, claim: undefined };
      await new CheckoutQueue(outside).place(checkout);
    },
    hints: ['catalog.changed', 'streams.grown'],
  },
  'a step of an order': {
    async act(outside) {
      const orderId = await ordered(shop, buyer, { product_id: bell.id });
      await new StatusQueue(outside).update({ actor: actor(), orderId, status: 'shipped' });
    },
    hints: ['streams.grown'],
  },
  'an edit': {
    act: (outside) => changeOffer(outside, actor(), { id: bell.id, name: 'Gong', stock: 50 }),
    hints: ['catalog.changed'],
  },
  'a stock that is counted': {
    act: (outside) => changeOffer(outside, actor(), { id: bell.id, stock: 60 }),
    hints: ['catalog.changed'],
  },
  'an offer, and its end': {
    async act(outside) {
      const categoryId = bell.category.id;
      const fields = { name: 'Vase', description: '', priceMinor: 5, categoryId, stock: 1 };
      const { id } = await offerProduct(outside, seller.id, fields);
      await withdrawProduct(outside, actor(), id);
    },
    hints: ['catalog.changed', 'catalog.changed'],
  },
  'a category, its change and its end': {
    async act(outside) {
      const { id } = await createCategory(outside, seller.id, { name: 'A', description: '' });
      await updateCategory(outside, actor(), { id, name: 'B' });
      await archiveCategory(outside, actor(), id);
    },
    hints: ['catalog.changed', 'catalog.changed', 'catalog.changed'],
  },
};

for (const [what, { act, hints }] of Object.entries(acts)) {
  test(`${what} is hinted at when it is committed, and not before`, async () => {
    const { outside, heard } = noting(shop.context);
    await act(outside);
    assert.deepEqual(heard, hints);
  });
}
