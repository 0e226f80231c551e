import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { sql, sqlRaw } from '../src/kernel/db.ts';
import type { Answer, Json, TestNode, User } from './harness.ts';
import type { TestSocket } from './socket.ts';

type Caller = Pick<TestNode, 'call'>;

/** An id that no row has. */
export const nobodysId = '0193a5b2-7c1e-7a44-9d3e-5f1b2c3d4e5f';

export interface Line {
  product_id: unknown;
  quantity?: unknown;
}

/** Orders products. */
export const order = (node: Caller, buyer: User, products: Line[]): Promise<Answer> =>
  node.call('POST /place-order/', { token: buyer.access, body: { products } });

/** Orders products under a key, given as a header. */
export const orderOnce = (
  node: TestNode,
  buyer: User,
  { products, key }: { products: Line[]; key: Record<string, string> },
): Promise<Answer> =>
  node.call('POST /place-order/', { token: buyer.access, body: { products }, headers: key });

/** Orders products, which must succeed; returns the id of the first order. */
export async function ordered(node: Caller, buyer: User, ...products: Line[]): Promise<string> {
  const answer = await order(node, buyer, products);
  assert.equal(answer.status, 201, answer.text);
  return answer.body.order_id;
}

/** Orders what is in the cart. */
export const orderCart = (
  node: TestNode,
  buyer: User,
  headers: Record<string, string> = {},
): Promise<Answer> => node.call('POST /place-order/', { token: buyer.access, headers });

export const addToCart = (node: TestNode, buyer: User, line: Line): Promise<Answer> =>
  node.call('POST /cart/', { token: buyer.access, body: line });

/** The lines of a buyer's cart: product ids and quantities. */
export async function cartOf(node: TestNode, buyer: User): Promise<[string, number][]> {
  const { body } = await node.call('GET /cart/', { token: buyer.access });
  return body.items.map((item: Json) => [item.product.id, item.quantity]);
}

/** All orders of a buyer, newest first. */
export async function ordersOf(node: Caller, buyer: User): Promise<Json[]> {
  const found: Json[] = [];
  for (let page = 1; ; page += 1) {
    const path = `GET /list-user-order/?page_size=100&page=${page}`;
    const { body } = await node.call(path, { token: buyer.access });
    found.push(...body.results);
    if (body.next === null) return found;
  }
}

export const setStatus = (
  node: Caller,
  user: User,
  change: { order_id: unknown; status: unknown },
): Promise<Answer> =>
  node.call('PATCH /update-order-status/', { token: user.access, body: change });

/** Moves an order along, which must succeed. */
export async function moved(
  node: Caller,
  seller: User,
  { id, to }: { id: string; to: readonly string[] },
): Promise<void> {
  for (const status of to) {
    const answer = await setStatus(node, seller, { order_id: id, status });
    assert.equal(answer.status, 200, answer.text);
  }
}

/** Asks again, as a client should, while a machine that is very busy says 503. */
export async function insist(ask: () => Promise<Answer>): Promise<Answer> {
  for (let retry = 0; ; retry += 1) {
    const answer = await ask();
    if (answer.status !== 503 || retry === 10) return answer;
    await sleep(200);
  }
}

/** The stock of a product as the database has it. */
export async function stockOf(node: TestNode, { id }: { id: string }): Promise<number> {
  const row = await node.context.db.row<{ stock: number }>(sql`
    SELECT stock FROM products WHERE id = ${id}`);
  return row?.stock ?? Number.NaN;
}

const shopTables = [
  'products',
  'stock_movements',
  'cart_lines',
  'orders',
  'order_lines',
  'streams',
  'notifications',
];

/** Every row that a refused request must leave alone, as text to compare. */
export async function everything(node: TestNode): Promise<Record<string, string[]>> {
  const found: Record<string, string[]> = {};
  for (const table of shopTables) {
    const rows = await node.context.db.rows<{ row: string }>(sql`
      SELECT t::text AS row FROM ${sqlRaw(table)} t ORDER BY 1`);
    found[table] = rows.map(({ row }) => row);
  }
  return found;
}

/** Waits until `check` holds; fails with what it saw last when it does not within `ms`. */
export async function within(ms: number, check: () => Promise<void>): Promise<void> {
  const deadline = Date.now() + ms;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
    await sleep(20);
  }
}

/** How many answers had each status. */
export function countStatuses(answers: Answer[]): Record<number, number> {
  const counts: Record<number, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

export const times = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index));

/** The code that a socket is closed with; `still open` when it is not within three seconds. */
export const closeCode = (socket: TestSocket): Promise<number | string> =>
  Promise.race([socket.closed, sleep(3_000, 'still open', { ref: false })]);
