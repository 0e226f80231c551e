import { sql, type Transactions, type Tx } from '../../kernel/db.ts';
import { invalid, notFound, type Refusal } from '../../kernel/errors.ts';
import type { Actor } from '../catalog/categories.ts';
import { appendNotifications } from '../notifications/streams.ts';

export const orderStatuses = ['pending', 'shipped', 'delivered'] as const;
export type OrderStatus = (typeof orderStatuses)[number];

export const isOrderStatus = (value: unknown): value is OrderStatus =>
  orderStatuses.some((status) => status === value);

export interface StatusStep {
  actor: Actor;
  orderId: string;
  status: OrderStatus;
}

interface OrderRow {
  id: string;
  status: OrderStatus;
  buyer_id: number;
  seller_id: number;
}

/**
 * Moves orders one step each and tells their buyers, in one transaction: what is refused leaves
 * the others alone. Four statements whatever the number of steps. Steps of one order are decided
 * one after the other, under its row lock: of concurrent ones to the same status one wins. So no
 * two steps of a batch may be of the same order: see the queue.
 * @returns for each step its refusal or undefined, and whose streams have grown. Refused as
 * not_found unless the order is of the actor's products; invalid when the step is not the next one
 */
export function updateOrderStatuses(
  db: Transactions,
  steps: StatusStep[],
): Promise<{ refusals: (Refusal | undefined)[]; buyerIds: number[] }> {
  return db.transaction(async (tx) => {
    const orders = await lockOrders(tx, steps);
    const refusals = steps.map((step) => refusalOf(step, orders.get(step.orderId)));
    const moved = steps.flatMap(({ orderId, status }, index) => {
      const order = orders.get(orderId);
      return order && !refusals[index] ? [{ orderId, status, userId: order.buyer_id }] : [];
    });
    if (moved.length > 0) setStatuses(tx, moved);
    appendNotifications(
      tx,
      moved.map(({ userId, orderId, status }) => ({
        userId,
        type: 'order.status_updated',
        orderId,
        status,
        message: `Your order ${orderId} is now ${status}`,
        isOwnOrder: false,
      })),
    );
    return { refusals, buyerIds: moved.map((step) => step.userId) };
  });
}

/** Locks in id order: two nodes never wait for each other in a circle. */
async function lockOrders(tx: Tx, steps: StatusStep[]): Promise<Map<string, OrderRow>> {
  const rows = await tx.rows<OrderRow>(sql`
    SELECT id, status, buyer_id, seller_id FROM orders
    WHERE id = ANY(${steps.map((step) => step.orderId)}::uuid[])
    ORDER BY id FOR NO KEY UPDATE`);
  return new Map(rows.map((order) => [order.id, order]));
}

function refusalOf({ actor, status: to }: StatusStep, order?: OrderRow): Refusal | undefined {
  if (order === undefined) return notFound('Order not found');
  if (order.seller_id !== actor.userId && !actor.isOperator) return notFound('Order not found');
  const from = order.status;
  if (from === to) return invalid('Order already in this status');
  if (orderStatuses.indexOf(to) !== orderStatuses.indexOf(from) + 1) {
    return invalid(`Cannot change status from ${from} to ${to}`);
  }
  return undefined;
}

/** Not by now(): that is when this began, perhaps before the step whose lock it waited for. */
function setStatuses(tx: Tx, steps: { orderId: string; status: OrderStatus }[]): void {
  tx.send(sql`
    UPDATE orders o SET
      status = step.status,
      shipped_at = CASE WHEN step.status = 'shipped' THEN clock_timestamp() ELSE o.shipped_at END,
      delivered_at = CASE WHEN step.status = 'delivered' THEN clock_timestamp() END
    FROM unnest(${steps.map((step) => step.orderId)}::uuid[],
      ${steps.map((step) => step.status)}::text[]) AS step (id, status)
    WHERE o.id = step.id`);
}
