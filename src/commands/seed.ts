import { parseArgs } from 'node:util';
import type { Context } from '../context.ts';
import demo from '../demo/shop.json' with { type: 'json' };
import { createAccount, EmailTaken, type Role } from '../features/accounts/accounts.ts';
import { createCategory } from '../features/catalog/categories.ts';
import { offerProduct } from '../features/inventory/offers.ts';
import { updateOrderStatuses } from '../features/orders/order-status.ts';
import { placeOrders } from '../features/orders/place-orders.ts';
import { sql } from '../kernel/db.ts';
import { toMinor } from '../kernel/money.ts';
import { type Command, say, withShop } from './command.ts';

const demoPassword = 'souk-demo-shop';
const atOnce = 8; // writes under way: enough to share commits

export const seed: Command = {
  summary: 'load the demo shop',
  usage: `Usage: souk seed

Loads the demo shop: ${demo.sellers.length} sellers, ${demo.categories.length} categories, \
${demo.products.length} products and some orders. What is there already is left alone, so it can
be interrupted and repeated. The accounts have a well-known password: not for a shop that others
can reach.`,
  async run(args, stop) {
    parseArgs({ args, options: {} });
    return withShop(async (context) => {
      const done = await seedDemoShop(context, stop);
      say(done ? 'The demo shop is loaded.' : 'Stopped; run it again to load the rest.');
      return done ? 0 : 1;
    });
  },
};

/** Loads the demo shop into a shop where nobody has an account yet. */
export async function seedEmptyShop(context: Context, stop: AbortSignal): Promise<void> {
  const used = await context.db.row(sql`SELECT 1 FROM users LIMIT 1`);
  const begun = await context.db.row(sql`
    SELECT 1 FROM users WHERE email = ${demo.sellers[0]?.email}`);
  const complete = await context.db.row(sql`
    SELECT 1 FROM idempotency_keys WHERE key = ${orderKey(demoOrders.length - 1)}`);
  if ((used && !begun) || complete) return;
  say('Loading the demo shop …');
  await seedDemoShop(context, stop);
}

/** For the welcome: who can log in, and how. */
export function demoAccounts(): string[] {
  return [
    `  Demo seller:   ${demo.sellers[0]?.email}   password: ${demoPassword}`,
    `  Demo buyer:    ${demo.buyers[0]?.email}   password: ${demoPassword}`,
  ];
}

/**
 * Every part is looked for before it is made, by email, name or idempotency key.
 * @returns false when it was stopped before the end
 */
async function seedDemoShop(context: Context, stop: AbortSignal): Promise<boolean> {
  const sellers = await inParallel(demo.sellers, stop, (one) => account(context, one, 'seller'));
  const buyers = await inParallel(demo.buyers, stop, (one) => account(context, one, 'buyer'));
  const categories: string[] = [];
  for (const { name, description, seller } of demo.categories) {
    if (stop.aborted) return false;
    const sellerId = sellers[seller] as number;
    const known = await context.db.row<{ id: string }>(sql`
      SELECT id FROM categories WHERE seller_id = ${sellerId} AND name = ${name}`);
    categories.push((known ?? (await createCategory(context, sellerId, { name, description }))).id);
  }
  const products = await inParallel(demo.products, stop, (one) => {
    const sellerId = sellers[demo.categories[one.category]?.seller ?? 0] as number;
    return product(context, { ...one, sellerId, categoryId: categories[one.category] as string });
  });
  for (const [index, order] of demoOrders.entries()) {
    if (stop.aborted) return false;
    await placeDemoOrder(context, { index, order, buyers, products });
  }
  return !stop.aborted;
}

/** Runs `work` on each item, a few at a time and in order; stops between items when asked to. */
async function inParallel<Item, Result>(
  items: Item[],
  stop: AbortSignal,
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  for (let start = 0; start < items.length && !stop.aborted; start += atOnce) {
    results.push(...(await Promise.all(items.slice(start, start + atOnce).map(work))));
  }
  return results;
}

async function account(
  { db }: Context,
  { email, name }: { email: string; name: string },
  role: Role,
): Promise<number> {
  const userType = role === 'seller' ? 'creator' : 'viewer';
  try {
    return (await createAccount(db, { email, name, password: demoPassword, role, userType })).id;
  } catch (error) {
    if (!(error instanceof EmailTaken)) throw error;
    const known = await db.row<{ id: number }>(sql`
      SELECT id FROM users WHERE lower(email) = lower(${email})`);
    return known?.id as number;
  }
}

async function product(
  context: Context,
  offer: {
    name: string;
    description: string;
    price: number;
    stock: number;
    sellerId: number;
    categoryId: string;
  },
): Promise<string> {
  const { sellerId, price, name, description, stock, categoryId } = offer;
  const known = await context.db.row<{ id: string }>(sql`
    SELECT id FROM products WHERE seller_id = ${sellerId} AND name = ${name}`);
  if (known) return known.id;
  const priceMinor = toMinor(price, context.config.currency);
  const made = { name, description, stock, categoryId, priceMinor };
  return (await offerProduct(context, sellerId, made)).id;
}

/** Who ordered what, and how far it got: products by their place in the list. */
const demoOrders = Array.from({ length: 18 }, (_, index) => ({
  buyer: index % demo.buyers.length,
  lines: Array.from({ length: 1 + (index % 3) }, (_line, line) => ({
    product: (index * 37 + line * 61 + 5) % demo.products.length,
    quantity: 1 + ((index + line) % 2),
  })),
  steps: (['shipped', 'delivered'] as const).slice(0, index % 3),
}));

const orderKey = (index: number): string => `demo-order-${index}`;

async function placeDemoOrder(
  context: Context,
  {
    index,
    order,
    buyers,
    products,
  }: {
    index: number;
    order: (typeof demoOrders)[number];
    buyers: number[];
    products: string[];
  },
): Promise<void> {
  const buyerId = buyers[order.buyer] as number;
  const lines = order.lines
    .filter((line) => (demo.products[line.product]?.stock ?? 0) > 5)
    .map((line) => ({ productId: products[line.product] as string, quantity: line.quantity }));
  const claim = { userId: buyerId, key: orderKey(index), requestHash: Buffer.alloc(32) };
  const placed = await placeOrders(context.db, [{ buyerId, lines, claim }]);
  const outcome = placed.outcomes[0];
  if (outcome === undefined || 'refused' in outcome) return;
  for (const orderId of outcome.orderIds) {
    const known = await context.db.row<{ status: string }>(sql`
      SELECT status FROM orders WHERE id = ${orderId}`);
    const left = known?.status === 'pending' ? order.steps : [];
    for (const status of left) {
      const actor = { userId: 0, isOperator: true };
      await updateOrderStatuses(context.db, [{ actor, orderId, status }]);
    }
  }
}
