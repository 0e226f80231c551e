import { setTimeout as sleep } from 'node:timers/promises';
import { answerJobs } from '../job.ts';
import { pace } from '../pace.ts';
import { percentiles } from '../percentiles.ts';
import { openSockets, type SocketPlace } from '../socket-clients.ts';
import type { Run } from '../turns.ts';
import { openWires, requestText, type Wire, type WireRequest } from '../wire.ts';

const CONNECTIONS = 128; // more than are busy at once, so that no order waits here
const PATIENCE_MS = 5_000; // for the last frames

export type OrderToSocketJob =
  | { open: string; users: SocketPlace[] }
  | { seconds: number; ordersPerSecond: number; orders: WireRequest[] };

export interface OrderToSocket extends Run {
  orders: number;
  /** of the two frames of each order, those that never came */
  missing: number;
}

let wires: Wire[] = [];
const heardAt = new Map<string, number[]>(); // of orders, by their ids

/** Users with a socket each; the first job opens them, the others order and wait for the frames. */
answerJobs(async (job: OrderToSocketJob) => {
  if (!('open' in job)) return placeOrders(job);
  wires = await openWires(job.open, CONNECTIONS);
  const sockets = await openSockets(job.open, job.users, (_, data) => {
    const now = performance.now();
    const { order_id } = JSON.parse(data.toString()) as { order_id: string };
    const times = heardAt.get(order_id) ?? [];
    times.push(now);
    heardAt.set(order_id, times);
  });
  return { open: sockets.length };
});

async function placeOrders({
  seconds,
  ordersPerSecond,
  orders,
}: {
  seconds: number;
  ordersPerSecond: number;
  orders: WireRequest[];
}): Promise<OrderToSocket> {
  const requests = orders.map(requestText);
  const sentAt = new Map<string, number>();
  heardAt.clear();
  await pace({ perSecond: ordersPerSecond, seconds, callers: wires }, async (wire) => {
    const request = requests[Math.floor(Math.random() * requests.length)] ?? '';
    const at = performance.now();
    const { status, head, body } = await wire.ask(request);
    if (status !== 201) throw new Error(`An order: ${head}`);
    const { order_id } = JSON.parse(body.toString()) as { order_id: string };
    sentAt.set(order_id, at);
  });
  const wanted = sentAt.size * 2; // the buyer's and the seller's
  const heard = (): number => [...heardAt.values()].reduce((sum, times) => sum + times.length, 0);
  const deadline = performance.now() + PATIENCE_MS;
  while (heard() < wanted && performance.now() < deadline) await sleep(10);
  const times = [...heardAt].flatMap(([id, at]) => at.map((one) => one - (sentAt.get(id) ?? 0)));
  const missing = wanted - times.length;
  return { perSecond: sentAt.size / seconds, ...percentiles(times), orders: sentAt.size, missing };
}
