import type { Bus } from '../../kernel/bus.ts';
import { type Db, sql, type Tx } from '../../kernel/db.ts';
import { invalid, notFound, type Refusal } from '../../kernel/errors.ts';
import type { Actor } from '../catalog/categories.ts';
import { announceNotifications, appendNotifications } from '../notifications/streams.ts';

export const orderStatuses = ['pending', 'shipped', 'delivered'] as const;
export type OrderStatus = (typeof orderStatuses)[number];

export const isOrderStatus = (value: unknown): value is OrderStatus =>
  orderStatuses.some((status) => status === value);

/** The one status a step to `status` may come from; undefined for the first. */
function statusBefore(status: OrderStatus): OrderStatus | undefined {
  return orderStatuses[orderStatuses.indexOf(status) - 1];
}

/**
 * Moves an order one step and tells its buyer, in one transaction. Of concurrent steps to the
 * same status one wins: the update repeats its condition under the row lock.
 * @throws Refusal not_found unless the order is of the actor's products; invalid when the step is
 * not the next one
 */
export async function updateOrderStatus(
  { db, bus }: { db: Db; bus: Bus },
  actor: Actor,
  { orderId, status }: { orderId: string; status: OrderStatus },
): Promise<void> {
  const buyerId = await db.transaction(async (tx) => {
    const moved = await tx.row<{ buyer_id: number }>(sql`
      UPDATE orders SET
        status = ${status},
        shipped_at = CASE WHEN ${status} = 'shipped' THEN now() ELSE shipped_at END,
        delivered_at = CASE WHEN ${status} = 'delivered' THEN now() ELSE delivered_at END
      WHERE id = ${orderId} AND status = ${statusBefore(status) ?? 'none'}
        AND (seller_id = ${actor.userId} OR ${actor.isOperator})
      RETURNING buyer_id`);
    if (moved === undefined) throw await explain(tx, actor, { orderId, status });
    const message = `Your order ${orderId} is now ${status}`;
    const userId = moved.buyer_id;
    appendNotifications(tx, [{ userId, type: 'order.status_updated', orderId, status, message }]);
    return userId;
  });
  announceNotifications(bus, [buyerId]);
}

async function explain(
  tx: Tx,
  actor: Actor,
  { orderId, status }: { orderId: string; status: OrderStatus },
): Promise<Refusal> {
  const order = await tx.row<{ status: OrderStatus }>(sql`
    SELECT status FROM orders
    WHERE id = ${orderId} AND (seller_id = ${actor.userId} OR ${actor.isOperator})`);
  if (order === undefined) return notFound('Order not found');
  if (order.status === status) return invalid('Order already in this status');
  return invalid(`Cannot change status from ${order.status} to ${status}`);
}
