import { notFound } from '../../kernel/errors.ts';
import { limits } from '../../kernel/limits.ts';
import type { Order } from './order-page.ts';
import type { PageQueue } from './page-queue.ts';

interface OrderList {
  total: number;
  page: number;
  totalPages: number;
  orders: Order[];
}

/**
 * A page of a buyer's orders, newest first.
 * @throws Refusal not_found `Invalid page.` past the end
 */
export async function listOrders(
  pages: PageQueue,
  buyerId: number,
  { page, pageSize }: { page: number | 'last'; pageSize: number },
): Promise<OrderList> {
  const number = page === 'last' ? undefined : page;
  const skipped = ((number ?? 1) - 1) * pageSize;
  // The first look finds the usual page, and else how many orders there are.
  const isNear = number !== undefined && skipped <= limits.rowsSkipped;
  const size = isNear ? pageSize : 1;
  const first = await pages.read({ buyerId, from: 'newest', skipped: isNear ? skipped : 0, size });
  const { total } = first;
  const totalPages = Math.max(1, Math.ceil(total / pageSize));
  const list = { total, totalPages, page: number ?? totalPages };
  if (list.page > totalPages) throw notFound('Invalid page.');
  const orders = isNear ? first.orders : await readFar(pages, buyerId, { ...list, pageSize });
  return { ...list, orders: orders.slice(0, pageSize) };
}

/** A page far from the newest order is read from the end of the list that is nearer to it. */
async function readFar(
  pages: PageQueue,
  buyerId: number,
  { total, page, pageSize }: { total: number; page: number; pageSize: number },
): Promise<Order[]> {
  const skipped = (page - 1) * pageSize;
  const left = Math.max(0, total - skipped - pageSize);
  if (skipped <= left) {
    return (await pages.read({ buyerId, from: 'newest', skipped, size: pageSize })).orders;
  }
  const size = Math.min(pageSize, total - skipped);
  const { orders } = await pages.read({ buyerId, from: 'oldest', skipped: left, size });
  return orders.slice(0, size).toReversed();
}
