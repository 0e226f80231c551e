import type { Bus } from '../../kernel/bus.ts';
import { type Runner, sql, type Tx } from '../../kernel/db.ts';
import { newId } from '../../kernel/ids.ts';
import { limits } from '../../kernel/limits.ts';

export interface NewNotification {
  userId: number;
  type: 'order.placed' | 'order.status_updated';
  orderId: string;
  status: string;
  message: string;
  /** the user placed this order: it is counted with the events of the stream */
  isOwnOrder: boolean;
}

/** What a socket receives for one event, and its place in the user's stream. */
export interface StreamEvent {
  offset: number;
  json: string;
}

/**
 * Writes notifications into their users' streams, in the given order. Each takes the next offset
 * of its user's counter row in this transaction, so offsets have no gaps and are in commit order.
 * The counters are locked in user order, after any products: see the lock order. One that had to
 * be waited for is raised from what it then is, not from what this statement saw at first.
 */
export function appendNotifications(tx: Tx, events: NewNotification[]): void {
  if (events.length === 0) return;
  const users = events.map((event) => event.userId);
  tx.send(sql`
    WITH locked AS MATERIALIZED (
      SELECT user_id FROM streams WHERE user_id = ANY(${users}::int[])
      ORDER BY user_id FOR NO KEY UPDATE
    ), event AS (
      SELECT *, row_number() OVER (PARTITION BY user_id ORDER BY place) AS step
      FROM unnest(${users}::int[], ${events.map(() => newId())}::uuid[],
        ${events.map((event) => event.type)}::text[],
        ${events.map((event) => event.orderId)}::uuid[],
        ${events.map((event) => event.status)}::text[],
        ${events.map((event) => event.message)}::text[],
        ${events.map((event) => Number(event.isOwnOrder))}::int[])
        WITH ORDINALITY AS e (user_id, id, type, order_id, status, message, orders, place)
    ), counter AS (
      UPDATE streams s SET
        last_offset = s.last_offset + added.steps,
        orders_placed = s.orders_placed + added.orders
      FROM (
        SELECT user_id, count(*) AS steps, sum(orders) AS orders
        FROM locked JOIN event USING (user_id) GROUP BY user_id
      ) added
      WHERE s.user_id = added.user_id
      RETURNING s.user_id, s.last_offset - added.steps AS base
    )
    INSERT INTO notifications (user_id, stream_offset, id, type, order_id, status, message)
    SELECT user_id, base + step, id, type, order_id, status, message
    FROM event JOIN counter USING (user_id)`);
}

const topic = 'streams.grown';

/** To be called after the commit: sockets of these users, on any node, read on. */
export function announceNotifications(bus: Bus, userIds: number[]): void {
  if (userIds.length > 0) bus.publish(topic, [...new Set(userIds)]);
}

export function onNotifications(bus: Bus, listener: (userIds: number[]) => void): void {
  bus.subscribe(topic, listener);
}

/** A place in a user's stream to read on from. */
export interface Cursor {
  userId: number;
  after: number;
}

/** What comes after a cursor, in order, and whether there may be more. */
export interface StreamPart {
  events: StreamEvent[];
  more: boolean;
}

/** Reads on from each cursor; bounded for each and for all together. */
export async function readStreams(db: Runner, cursors: Cursor[]): Promise<StreamPart[]> {
  const rows = await db.rows<{
    cursor: number;
    stream_offset: number;
    id: string;
    type: string;
    order_id: string;
    status: string;
    message: string;
    created_at: Date;
  }>(sql`
    SELECT c.cursor, n.stream_offset, n.id, n.type, n.order_id, n.status, n.message, n.created_at
    FROM unnest(${cursors.map((cursor) => cursor.userId)}::int[],
      ${cursors.map((cursor) => cursor.after)}::bigint[])
      WITH ORDINALITY AS c (user_id, after, cursor)
    CROSS JOIN LATERAL (
      SELECT * FROM notifications n
      WHERE n.user_id = c.user_id AND n.stream_offset > c.after
      ORDER BY n.stream_offset LIMIT ${limits.replayRows}
    ) n
    ORDER BY c.cursor, n.stream_offset LIMIT ${limits.streamRowsAtOnce}`);
  const cutAt = rows.length === limits.streamRowsAtOnce ? (rows.at(-1)?.cursor ?? 0) : Infinity;
  const parts: StreamPart[] = cursors.map((_, index) => ({ events: [], more: index + 1 >= cutAt }));
  for (const row of rows) {
    const { stream_offset: offset, id, type, order_id, status, message } = row;
    const created_at = row.created_at.toISOString();
    const json = JSON.stringify({ offset, id, type, order_id, status, message, created_at });
    parts[row.cursor - 1]?.events.push({ offset, json });
  }
  for (const part of parts) part.more ||= part.events.length === limits.replayRows;
  return parts;
}

/** The last offset of each user's stream. */
export async function readOffsets(db: Runner, userIds: number[]): Promise<Map<number, number>> {
  const rows = await db.rows<{ user_id: number; last_offset: number }>(sql`
    SELECT user_id, last_offset FROM streams WHERE user_id = ANY(${userIds}::int[])`);
  return new Map(rows.map((row) => [row.user_id, row.last_offset]));
}
