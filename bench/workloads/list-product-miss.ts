import { setTimeout as sleep } from 'node:timers/promises';
import { pageStatement } from '../../src/features/catalog/page-statement.ts';
import { limits } from '../../src/kernel/limits.ts';
import { bareDriver } from '../bare-driver.ts';
import type { Bench, Souk, Workload } from '../bench.ts';
import { CONNECTIONS, measureLoad } from '../http-load.ts';
import { buyerId, type Market } from '../market.ts';
import { firstQuery, productQuery } from '../product-queries.ts';
import { statementsOutOfDate } from '../same-statements.ts';
import { withDatabase } from '../souk.ts';
import { productsById } from '../statements.ts';
import { compare, type Side, takeTurns } from '../turns.ts';

const workload = 'list-product-miss';

/** Each request asks for a page that nobody has asked for before. */
export const listProductMiss: Workload = {
  name: workload,
  async run(bench) {
    const market = await bench.market();
    const { souk } = market;
    const outOfDate = await statementsOutOfDate(souk, [productsById], () => assertSameIds(market));
    const limit = bareDriver(bench, { souk, child: 'bare-list-product', database: 'souk' });
    const rounds = await takeTurns(bench, ours(bench, market), limit);
    const right = outOfDate.length === 0;
    return [compare(rounds, { workload, unit: 'req/s', bar: 0.75, notes: outOfDate, right })];
  },
};

function ours(bench: Bench, { souk, headersOf }: Market): Side {
  const headers = headersOf(buyerId(0));
  const { url, child } = souk;
  const clients = Array.from({ length: CONNECTIONS }, (_, client) => ({
    headers,
    requests: Array.from({ length: firstQuery(1, CONNECTIONS) }, (_, index) => ({
      method: 'GET' as const,
      path: productQuery(firstQuery(client, CONNECTIONS) + index).path,
    })),
  }));
  return {
    name: 'ours',
    async run(seconds) {
      await forgetPages(bench, souk);
      return measureLoad(bench, { url, seconds, clients, once: true, pid: child.pid });
    },
  };
}

/** As after an edit of a product: no page that was read before counts any more. */
export async function forgetPages({ signal }: Bench, { database }: Souk): Promise<void> {
  await withDatabase(database, 'souk', (client) =>
    client.query('UPDATE catalog_state SET lists = lists + 1'),
  );
  await sleep(2 * limits.catalogPollMs, undefined, { signal }); // in which the shop hears of it
}

/** The limit must read what the shop shows. */
async function assertSameIds({ souk, headersOf }: Market): Promise<void> {
  for (const n of [70, 71, 72]) {
    const { path, query } = productQuery(n);
    const response = await fetch(souk.url + path, { headers: headersOf(buyerId(0)) });
    const { results } = (await response.json()) as { results: { id: string }[] };
    const { text, values } = pageStatement(query);
    const { rows } = await withDatabase(souk.database, 'souk', (client) =>
      client.query<{ ids: string[] }>(text, values),
    );
    const [shown, read] = [results.map(({ id }) => id), rows[0]?.ids ?? []];
    const same =
      shown.length === query.pageSize && shown.join() === read.slice(0, query.pageSize).join();
    if (!same) throw new Error(`The bare driver does not read what the shop shows: ${path}`);
  }
}
