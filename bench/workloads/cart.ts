import { bareDriver } from '../bare-driver.ts';
import type { Workload } from '../bench.ts';
import type { LoadRequest } from '../children/load.ts';
import { CONNECTIONS, measureLoad } from '../http-load.ts';
import { buyerId, LIMIT_DATABASE } from '../market.ts';
import { productId } from '../market-rows.ts';
import { statementsOutOfDate } from '../same-statements.ts';
import { lockBuyers, lockLines, productsOnOffer, readCarts, writeLines } from '../statements.ts';
import { compare, type Side, takeTurns } from '../turns.ts';

const workload = 'cart';

/** Buyers add to their carts and read them in turns; a cart comes to hold ten products. */
export const cart: Workload = {
  name: workload,
  async run(bench) {
    const { souk, headersOf } = await bench.market();
    const { url, child } = souk;
    const buyerIds = Array.from({ length: CONNECTIONS }, (_, index) => buyerId(index));
    // Three others are in each cart from before.
    const productIds = Array.from({ length: 7 }, (_, index) => productId(1 + index));
    const requests = productIds.flatMap((product_id): LoadRequest[] => [
      { method: 'POST', path: '/cart/', body: JSON.stringify({ product_id, quantity: 1 }) },
      { method: 'GET', path: '/cart/' },
    ]);
    const clients = buyerIds.map((id) => ({ headers: headersOf(id), requests }));
    const ours: Side = {
      name: 'ours',
      run: (seconds) => measureLoad(bench, { url, seconds, clients, pid: child.pid }),
    };
    const from = { souk, child: 'bare-cart', database: LIMIT_DATABASE };
    const limit = bareDriver(bench, from, () => ({ buyerIds, productIds }));
    const statements = [lockBuyers, lockLines, readCarts, productsOnOffer, writeLines];
    const once = { url, seconds: 1, clients: clients.slice(0, 1) };
    const outOfDate = await statementsOutOfDate(souk, statements, () => measureLoad(bench, once));
    const rounds = await takeTurns(bench, ours, limit);
    const right = outOfDate.length === 0;
    return [compare(rounds, { workload, unit: 'req/s', bar: 0.7, notes: outOfDate, right })];
  },
};
