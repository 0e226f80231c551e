import type { Bus } from '../../kernel/bus.ts';
import { type Db, sql } from '../../kernel/db.ts';
import { invalid, notFound } from '../../kernel/errors.ts';
import type { Actor } from '../catalog/categories.ts';
import { announceNotifications, appendNotifications } from '../notifications/streams.ts';

export const orderStatuses = ['pending', 'shipped', 'delivered'] as const;
export type OrderStatus = (typeof orderStatuses)[number];

export const isOrderStatus = (value: unknown): value is OrderStatus =>
  orderStatuses.some((status) => status === value);

/**
 * Moves an order one step and tells its buyer, in one transaction. Steps of one order are decided
 * one after the other, under its row lock: of concurrent ones to the same status one wins.
 * @throws Refusal not_found unless the order is of the actor's products; invalid when the step is
 * not the next one
 */
export async function updateOrderStatus(
  { db, bus }: { db: Db; bus: Bus },
  actor: Actor,
  { orderId, status }: { orderId: string; status: OrderStatus },
): Promise<void> {
  const buyerId = await db.transaction(async (tx) => {
    const order = await tx.row<{ status: OrderStatus; buyer_id: number }>(sql`
      SELECT status, buyer_id FROM orders
      WHERE id = ${orderId} AND (seller_id = ${actor.userId} OR ${actor.isOperator})
      FOR NO KEY UPDATE`);
    if (order === undefined) throw notFound('Order not found');
    refuseUnlessNext(order.status, status);
    // Not now(): that is when this began, perhaps before the step whose lock it waited for.
    tx.send(sql`
      UPDATE orders SET
        status = ${status},
        shipped_at = CASE WHEN ${status} = 'shipped' THEN clock_timestamp() ELSE shipped_at END,
        delivered_at = CASE WHEN ${status} = 'delivered' THEN clock_timestamp() END
      WHERE id = ${orderId}`);
    const message = `Your order ${orderId} is now ${status}`;
    const userId = order.buyer_id;
    appendNotifications(tx, [{ userId, type: 'order.status_updated', orderId, status, message }]);
    return userId;
  });
  announceNotifications(bus, [buyerId]);
}

function refuseUnlessNext(from: OrderStatus, to: OrderStatus): void {
  if (from === to) throw invalid('Order already in this status');
  if (orderStatuses.indexOf(to) !== orderStatuses.indexOf(from) + 1) {
    throw invalid(`Cannot change status from ${from} to ${to}`);
  }
}
