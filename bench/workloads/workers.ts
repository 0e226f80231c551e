import { join } from 'node:path';
import type { Bench, Workload } from '../bench.ts';
import type { LoadClient, LoadRequest } from '../children/load.ts';
import { CONNECTIONS, measureLoad } from '../http-load.ts';
import { buyerId, type Market, openMarket } from '../market.ts';
import { startSouk } from '../souk.ts';
import { compare, type Side, takeTurns } from '../turns.ts';
import { orderOf } from './place-order.ts';

const WORKERS = 2;
const ORDERED_PRODUCTS = 640;

/** What a second process brings on this machine. */
export const workers: Workload = {
  name: 'workers',
  async run(bench) {
    const one = await bench.market();
    const souk = await startSouk(bench, join(bench.folder, 'workers'), { workers: WORKERS });
    const several = await openMarket(bench, souk);
    const list: LoadRequest[] = [{ method: 'GET', path: '/list-product/' }];
    const orders = Array.from({ length: ORDERED_PRODUCTS }, (_, index) => orderOf([1 + index]));
    const rows = [];
    for (const [name, requests] of Object.entries({ list, orders })) {
      const rounds = await takeTurns(
        bench,
        side(bench, { name: `${WORKERS} workers`, market: several, requests }),
        side(bench, { name: 'one', market: one, requests }),
      );
      rows.push(compare(rounds, { workload: `workers-${name}`, unit: 'req/s' }));
    }
    await souk.command(['verify']);
    await souk.child.stop();
    return rows;
  },
};

function side(
  bench: Bench,
  { name, market, requests }: { name: string; market: Market; requests: LoadRequest[] },
): Side {
  const { souk, headersOf } = market;
  const step = Math.ceil(requests.length / CONNECTIONS);
  const clients = Array.from({ length: CONNECTIONS }, (_, index): LoadClient => {
    const first = (index * step) % requests.length; // so that not all order the same
    const own = [...requests.slice(first), ...requests.slice(0, first)];
    return { headers: headersOf(buyerId(index)), requests: own };
  });
  return { name, run: (seconds) => measureLoad(bench, { url: souk.url, seconds, clients }) };
}
