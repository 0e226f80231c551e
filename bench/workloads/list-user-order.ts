import { bareDriver } from '../bare-driver.ts';
import type { Workload } from '../bench.ts';
import { CONNECTIONS, measureLoad } from '../http-load.ts';
import { buyerId, LINES_OF_ORDER, type Market, ORDERS_OF_BUYER, size } from '../market.ts';
import { statementsOutOfDate } from '../same-statements.ts';
import { pagesOfOrders } from '../statements.ts';
import { compare, type Side, takeTurns } from '../turns.ts';

const path = '/list-user-order/';
const workload = 'list-user-order';

/** The first page of a buyer's orders: ten of five lines. Nobody else's workload touches them. */
export const listUserOrder: Workload = {
  name: workload,
  async run(bench) {
    const market = await bench.market();
    const { souk, headersOf } = market;
    const buyerIds = Array.from({ length: CONNECTIONS }, (_, index) =>
      buyerId(size.buyers - CONNECTIONS + index),
    );
    let bytes = 0;
    const outOfDate = await statementsOutOfDate(souk, [pagesOfOrders], async () => {
      bytes = await assertFull(market, buyerIds[0] ?? 0);
    });
    const clients = buyerIds.map((id) => ({
      headers: headersOf(id),
      requests: [{ method: 'GET' as const, path }],
    }));
    const { url, child } = souk;
    const ours: Side = {
      name: 'ours',
      run: (seconds) => measureLoad(bench, { url, seconds, clients, pid: child.pid }),
    };
    const from = { souk, child: 'bare-list-user-order', database: 'souk' };
    const limit = bareDriver(bench, from, () => ({ buyerIds }));
    const rounds = await takeTurns(bench, ours, limit);
    const notes = [`${bytes} bytes of body`, ...outOfDate];
    const right = outOfDate.length === 0;
    return [compare(rounds, { workload, unit: 'req/s', bar: 0.6, notes, right })];
  },
};

/** @returns the length of the answer */
async function assertFull({ souk, headersOf }: Market, userId: number): Promise<number> {
  const response = await fetch(souk.url + path, { headers: headersOf(userId) });
  const body = await response.text();
  const { results } = JSON.parse(body) as { results: { items: object[] }[] };
  const lines = results.flatMap(({ items }) => items);
  const full =
    results.length === ORDERS_OF_BUYER && lines.length === results.length * LINES_OF_ORDER;
  if (!full) throw new Error(`The page has ${results.length} orders and ${lines.length} lines`);
  return body.length;
}
