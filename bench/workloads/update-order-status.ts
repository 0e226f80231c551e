import { bareDriver } from '../bare-driver.ts';
import type { Bench, Souk, Workload } from '../bench.ts';
import type { LoadClient, LoadRequest } from '../children/load.ts';
import { measureLoad } from '../http-load.ts';
import { buyerId, LIMIT_DATABASE, type Market, size } from '../market.ts';
import { insertOrders } from '../order-rows.ts';
import { proveEffects, statusSteps } from '../orders-proof.ts';
import { statementsOutOfDate } from '../same-statements.ts';
import { withDatabase } from '../souk.ts';
import { appendEvents, lockOrders, setStatuses } from '../statements.ts';
import { compare, type Round, type Side, takeTurns } from '../turns.ts';

const MOST_PER_SECOND = 20_000; // so many steps are prepared, two of each order
const workload = 'update-order-status';

/** Sellers ship and deliver; each step tells the buyer. */
export const updateOrderStatus: Workload = {
  name: workload,
  async run(bench) {
    const market = await bench.market();
    const { souk } = market;
    let acknowledged = 0;
    const ours: Side = {
      name: 'ours',
      async run(seconds) {
        const measured = await measureSteps(bench, market, seconds);
        acknowledged += measured.answered;
        return measured;
      },
    };
    const from = { souk, child: 'bare-update-order-status', database: LIMIT_DATABASE };
    const limit = bareDriver(bench, from, async (seconds) => ({
      steps: await newOrders(souk, LIMIT_DATABASE, seconds),
    }));
    const statements = [lockOrders, setStatuses, appendEvents];
    const outOfDate = await statementsOutOfDate(souk, statements, () => shipOne(market));
    let rounds: Round[] = [];
    const { right, note } = await proveEffects({ bench, souk, effect: statusSteps }, async () => {
      rounds = await takeTurns(bench, ours, limit);
      return acknowledged;
    });
    const notes = [note, ...outOfDate];
    const isRight = right && outOfDate.length === 0;
    return [compare(rounds, { workload, unit: 'steps/s', bar: 2, notes, right: isRight })];
  },
};

interface OrdersOfSeller {
  sellerId: number;
  orderIds: string[];
}

async function measureSteps(bench: Bench, { souk, headersOf }: Market, seconds: number) {
  const { url, child } = souk;
  const sellers = await newOrders(souk, 'souk', seconds);
  const clients = sellers.map(
    ({ sellerId, orderIds }): LoadClient => ({
      headers: headersOf(sellerId),
      requests: orderIds.flatMap((id) => [step(id, 'shipped'), step(id, 'delivered')]),
    }),
  );
  return measureLoad(bench, { url, seconds, clients, once: true, pid: child.pid });
}

async function shipOne({ souk, headersOf }: Market): Promise<void> {
  const { rows } = await withDatabase(souk.database, 'souk', (client) =>
    client.query<{ id: string; seller_id: number }>(
      "SELECT id, seller_id FROM orders WHERE status = 'pending' LIMIT 1",
    ),
  );
  const [order] = rows as [{ id: string; seller_id: number }];
  const { path, ...request } = step(order.id, 'shipped');
  const headers = { ...headersOf(order.seller_id), 'content-type': 'application/json' };
  const response = await fetch(souk.url + path, { ...request, headers });
  if (!response.ok) throw new Error(`A step: ${response.status} ${await response.text()}`);
}

const step = (order_id: string, status: string): LoadRequest => ({
  method: 'PATCH',
  path: '/update-order-status/',
  body: JSON.stringify({ order_id, status }),
});

/** Pending orders enough for a run, of each seller. */
async function newOrders(
  { database }: Souk,
  name: string,
  seconds: number,
): Promise<OrdersOfSeller[]> {
  return withDatabase(database, name, async (client) => {
    const orders = (seconds * MOST_PER_SECOND) / 2;
    await insertOrders(client, { ...size, orders, lines: 1, firstBuyer: buyerId(0), buyers: 64 });
    // All of one transaction have its time.
    const { rows } = await client.query<OrdersOfSeller>(
      `SELECT seller_id AS "sellerId", array_agg(id) AS "orderIds" FROM orders
       WHERE created_at = (SELECT max(created_at) FROM orders) GROUP BY seller_id`,
    );
    return rows;
  });
}
