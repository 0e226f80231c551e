import { type Db, noSql, sql, type Tx } from '../../kernel/db.ts';
import type { Refusal } from '../../kernel/errors.ts';
import { failpoint, failpointIn } from '../../kernel/failpoints.ts';
import { type Claim, claimKeys, keepOutcomes } from '../../kernel/idempotency.ts';
import { newId } from '../../kernel/ids.ts';
import { clearingLines, lockCarts } from '../cart/cart.ts';
import {
  type CatalogChange,
  type CatalogVersions,
  raiseVersions,
  type StockLevel,
} from '../catalog/catalog-state.ts';
import { type Taken, takingStock } from '../inventory/stock.ts';
import { appendNotifications, type NewNotification } from '../notifications/streams.ts';
import { allocate, type Offered, type OrderDraft, type Wanted } from './allocate.ts';

export interface Checkout {
  buyerId: number;
  /** `cart`: whatever the buyer's cart holds, which the order empties */
  lines: { productId: string; quantity: number }[] | 'cart';
  claim: Claim | undefined;
}

/** What a checkout came to; kept under its idempotency key and repeated from there. */
export type Outcome =
  | { orderIds: string[] }
  | { refused: { kind: Refusal['kind']; message: string } };

export interface Placed {
  /** one for each checkout, in the same order */
  outcomes: Outcome[];
  change: Pick<CatalogChange, 'levels' | 'versions'>;
  /** whose streams have grown */
  userIds: number[];
}

type Locked = Offered & { revision: number };

interface NewOrder extends OrderDraft {
  id: string;
  checkoutId: string;
  buyerId: number;
}

/**
 * Places a batch of checkouts in one transaction: either all that is accepted happens, or nothing
 * does. A fixed number of statements whatever the size of the batch. Locks are taken in the one
 * order that all code keeps: idempotency keys → cart lines → products by id → streams by user →
 * counts of categories by id → catalog counters.
 *
 * No two checkouts of a batch may have the same key, or empty the same cart: see the queue.
 * @throws Unavailable when the database is away; then a checkout may or may not have happened
 */
export function placeOrders(db: Db, checkouts: Checkout[]): Promise<Placed> {
  return db.transaction(async (tx) => {
    const repeated = await repeatedOutcomes(tx, checkouts);
    failpoint('after-key');
    const fresh = checkouts.filter((checkout) => !repeated.has(checkout));
    const asked = await wantedBy(tx, fresh);
    const offered = await lockProducts(tx, asked);
    const wanted = withoutWithdrawn(fresh, asked, offered);
    const { allocations, taken, soldOut } = allocate(wanted, offered);

    const orders: NewOrder[] = [];
    const ordered: { buyerId: number; productId: string }[] = [];
    const outcomes = new Map(repeated);
    for (const [index, checkout] of fresh.entries()) {
      const { buyerId } = checkout;
      const allocation = allocations[index];
      if (allocation === undefined || 'refusal' in allocation) {
        outcomes.set(checkout, { refused: describe(allocation?.refusal) });
        continue;
      }
      const checkoutId = newId();
      const placed = allocation.orders.map(({ sellerId, totalMinor, lines }) => ({
        id: newId(),
        checkoutId,
        buyerId,
        sellerId,
        totalMinor,
        lines,
      }));
      orders.push(...placed);
      outcomes.set(checkout, { orderIds: placed.map((order) => order.id) });
      if (checkout.lines === 'cart') {
        const lines = wanted[index]?.lines ?? [];
        ordered.push(...lines.map(({ productId }) => ({ buyerId, productId })));
      }
    }

    if (orders.length > 0) writeOrders(tx, { orders, taken, ordered });
    await failpointIn(tx, 'after-stock');
    keepOutcomes(tx, keptOutcomes(fresh, outcomes));
    announceOrders(tx, orders);
    const versions = soldOut.length > 0 ? await countSoldOut(tx, soldOut) : undefined;
    await failpointIn(tx, 'before-commit');
    return {
      outcomes: checkouts.map((checkout) => outcomes.get(checkout) as Outcome),
      change: { levels: levelsAfter(offered, taken), versions },
      userIds: orders.flatMap((order) => [order.buyerId, order.sellerId]),
    };
  });
}

async function repeatedOutcomes(tx: Tx, checkouts: Checkout[]): Promise<Map<Checkout, Outcome>> {
  const keyed = checkouts.filter((checkout) => checkout.claim !== undefined);
  const earlier = await claimKeys(
    tx,
    keyed.flatMap((checkout) => checkout.claim ?? []),
  );
  const outcomes = new Map<Checkout, Outcome>();
  for (const [index, checkout] of keyed.entries()) {
    const before = earlier[index];
    if (before === undefined) continue;
    outcomes.set(
      checkout,
      before.sameRequest ? (JSON.parse(before.outcome) as Outcome) : reusedKey,
    );
  }
  return outcomes;
}

const reusedKey: Outcome = {
  refused: {
    kind: 'mismatch',
    message: 'This Idempotency-Key was used for another request. Use a new key for a new order.',
  },
};

async function wantedBy(tx: Tx, checkouts: Checkout[]): Promise<Wanted[]> {
  const shoppers = checkouts.filter((checkout) => checkout.lines === 'cart');
  const carts =
    shoppers.length > 0
      ? await lockCarts(
          tx,
          shoppers.map((checkout) => checkout.buyerId),
        )
      : undefined;
  return checkouts.map(({ buyerId, lines }) => ({
    lines: lines === 'cart' ? (carts?.get(buyerId) ?? []) : lines,
  }));
}

/** Locks in id order: two batches never wait for each other in a circle. */
async function lockProducts(tx: Tx, wanted: Wanted[]): Promise<Locked[]> {
  const ids = [...new Set(wanted.flatMap(({ lines }) => lines.map((line) => line.productId)))];
  if (ids.length === 0) return [];
  return tx.rows<Locked>(sql`
    SELECT id, seller_id AS "sellerId", category_id AS "categoryId",
      name, price_minor AS "priceMinor", stock, revision
    FROM products
    WHERE id = ANY(${ids}::uuid[]) AND archived_at IS NULL
    ORDER BY id FOR NO KEY UPDATE`);
}

/** What was withdrawn while its lock was waited for is in no cart any more. */
function withoutWithdrawn(checkouts: Checkout[], asked: Wanted[], offered: Offered[]): Wanted[] {
  const ids = new Set(offered.map((product) => product.id));
  return asked.map(({ lines }, index) =>
    checkouts[index]?.lines === 'cart'
      ? { lines: lines.filter((line) => ids.has(line.productId)) }
      : { lines },
  );
}

/** What is left of each product that was sold, as its row will say. */
function levelsAfter(offered: Locked[], taken: Taken[]): StockLevel[] {
  const quantities = new Map(taken.map((one) => [one.productId, one.quantity]));
  return offered.flatMap(({ id, stock, revision }): StockLevel[] => {
    const quantity = quantities.get(id);
    return quantity === undefined ? [] : [[id, stock - quantity, revision + 1]];
  });
}

interface Effects {
  orders: NewOrder[];
  taken: Taken[];
  /** the lines of carts */
  ordered: { buyerId: number; productId: string }[];
}

/** One statement: to begin each costs the server, and its answer wakes this process. */
function writeOrders(tx: Tx, { orders, taken, ordered }: Effects): void {
  const lines = orders.flatMap(({ id: orderId, lines }) =>
    lines.map((line, index) => ({ orderId, number: index + 1, line })),
  );
  const cleared = ordered.length > 0 ? sql`, cleared AS (${clearingLines(ordered)})` : noSql;
  tx.send(sql`
    WITH taken AS (${takingStock(taken)})${cleared}, placed AS (
      INSERT INTO orders (id, checkout_id, buyer_id, seller_id, total_minor)
      SELECT * FROM unnest(${orders.map((order) => order.id)}::uuid[],
        ${orders.map((order) => order.checkoutId)}::uuid[],
        ${orders.map((order) => order.buyerId)}::int[],
        ${orders.map((order) => order.sellerId)}::int[],
        ${orders.map((order) => order.totalMinor)}::bigint[])
    )
    INSERT INTO order_lines
      (order_id, line_number, product_id, product_name, unit_price_minor, quantity)
    SELECT * FROM unnest(${lines.map(({ orderId }) => orderId)}::uuid[],
      ${lines.map(({ number }) => number)}::smallint[],
      ${lines.map(({ line }) => line.productId)}::uuid[],
      ${lines.map(({ line }) => line.name)}::text[],
      ${lines.map(({ line }) => line.unitPriceMinor)}::bigint[],
      ${lines.map(({ line }) => line.quantity)}::int[])`);
}

function announceOrders(tx: Tx, orders: NewOrder[]): void {
  appendNotifications(
    tx,
    orders.flatMap(({ id: orderId, buyerId, sellerId }): NewNotification[] => [
      {
        userId: buyerId,
        type: 'order.placed',
        orderId,
        status: 'pending',
        message: `Your order ${orderId} has been placed`,
        isOwnOrder: true,
      },
      {
        userId: sellerId,
        type: 'order.placed',
        orderId,
        status: 'pending',
        message: `You have a new order ${orderId}`,
        isOwnOrder: false,
      },
    ]),
  );
}

/** Takes what is sold out off the lists of what is in stock. */
function countSoldOut(tx: Tx, soldOut: Offered[]): Promise<CatalogVersions> {
  const counts = soldOut.map(({ categoryId }) => ({ categoryId, listed: 0, inStock: -1 }));
  return raiseVersions(tx, ['availability'], counts);
}

function keptOutcomes(fresh: Checkout[], outcomes: Map<Checkout, Outcome>) {
  return fresh.flatMap((checkout) => {
    const { claim } = checkout;
    return claim ? [{ claim, outcome: JSON.stringify(outcomes.get(checkout)) }] : [];
  });
}

const describe = (refusal?: Refusal) => ({
  kind: refusal?.kind ?? ('invalid' as const),
  message: refusal?.message ?? 'No products provided',
});
