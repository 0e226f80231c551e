import { pageStatement } from '../../src/features/catalog/product-query.ts';
import { bareDriver } from '../bare-driver.ts';
import type { Bench, Workload } from '../bench.ts';
import { CONNECTIONS, measureLoad } from '../http-load.ts';
import { buyerId, type Market } from '../market.ts';
import { newProductQuery } from '../product-queries.ts';
import { withDatabase } from '../souk.ts';
import { compare, type Side, takeTurns } from '../turns.ts';

const MOST_PER_SECOND = 8_000; // so many queries are prepared
const workload = 'list-product-miss';

/** Each request asks for a page that nobody has asked for before. */
export const listProductMiss: Workload = {
  name: workload,
  async run(bench) {
    const market = await bench.market();
    await assertSameIds(market);
    const { souk } = market;
    const limit = bareDriver(bench, { souk, child: 'bare-list-product', database: 'souk' });
    const rounds = await takeTurns(bench, ours(bench, market), limit);
    return [compare(rounds, { workload, unit: 'req/s', bar: 0.75 })];
  },
};

function ours(bench: Bench, { souk, headersOf }: Market): Side {
  const headers = headersOf(buyerId(0));
  let next = 0;
  return {
    name: 'ours',
    run(seconds) {
      const count = Math.ceil((seconds * MOST_PER_SECOND) / CONNECTIONS);
      const clients = Array.from({ length: CONNECTIONS }, () => {
        const first = next;
        next += count;
        const paths = Array.from({ length: count }, (_, index) => newProductQuery(first + index));
        return { headers, requests: paths.map(({ path }) => ({ method: 'GET' as const, path })) };
      });
      const { url, child } = souk;
      return measureLoad(bench, { url, seconds, clients, once: true, pid: child.pid });
    },
  };
}

/** The limit must read what the shop shows. */
async function assertSameIds({ souk, headersOf }: Market): Promise<void> {
  for (const n of [1_000_000, 1_000_001, 1_000_002]) {
    const { path, query } = newProductQuery(n);
    const response = await fetch(souk.url + path, { headers: headersOf(buyerId(0)) });
    const { results } = (await response.json()) as { results: { id: string }[] };
    const { text, values } = pageStatement(query);
    const { rows } = await withDatabase(souk.database, 'souk', (client) =>
      client.query<{ ids: string[] }>(text, values),
    );
    const [shown, read] = [results.map(({ id }) => id), rows[0]?.ids ?? []];
    const same = shown.length === 10 && shown.join() === read.join();
    if (!same) throw new Error(`The bare driver does not read what the shop shows: ${path}`);
  }
}
