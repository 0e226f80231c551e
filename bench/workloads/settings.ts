import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Bench, Workload } from '../bench.ts';
import type { LoadClient } from '../children/load.ts';
import { CONNECTIONS, measureLoad } from '../http-load.ts';
import { buyerId, type Market, openMarket } from '../market.ts';
import { firstQuery, productQuery } from '../product-queries.ts';
import type { Row } from '../report.ts';
import { startSouk } from '../souk.ts';
import { compare, type Side, takeTurns } from '../turns.ts';
import { forgetPages } from './list-product-miss.ts';
import { orderOf } from './place-order.ts';

const PAGES_OF_RUN = 64_000; // more than are read in one

/** What is set otherwise, in the text of the built program. */
type Change = [from: string, to: string];

const set = (name: string, value: string): Change => [
  'jit: "off",',
  `jit: "off", ${name}: "${value}",`,
];
const connections = (count: number): Change => [
  'databaseConnections: 10,',
  `databaseConnections: ${count},`,
];

const variants: Record<string, Change> = {
  'as it is': ['', ''], // against itself: how much the figures mean
  'shared_buffers 32MB': ['shared_buffers: "128MB"', 'shared_buffers: "32MB"'],
  'shared_buffers 1GB': ['shared_buffers: "128MB"', 'shared_buffers: "1GB"'],
  'max_wal_size 64MB': ['max_wal_size: "1GB"', 'max_wal_size: "64MB"'],
  'wal_level replica': ['wal_level: "minimal"', 'wal_level: "replica"'],
  'wal_compression on': set('wal_compression', 'on'),
  'wal_buffers 1MB': set('wal_buffers', '1MB'),
  'commit_delay 1 ms': set('commit_delay', '1000'),
  'generic plans': set('plan_cache_mode', 'force_generic_plan'),
  'custom plans': set('plan_cache_mode', 'force_custom_plan'),
  'not durable': ['synchronous_commit: durable ?', 'synchronous_commit: !durable ?'],
  '4 connections': connections(4),
  '20 connections': connections(20),
  '40 connections': connections(40),
  'not prepared': ['{ name: name2, text: text2, values }', '{ text: text2, values }'],
};

/** The shop with another setting of PostgreSQL or its driver, against the shop as it is. */
export const settings = Object.entries(variants).map(
  ([name, change]): Workload => ({
    name: `settings: ${name}`,
    onRequest: true,
    async run(bench) {
      const main = writeProgram(bench, name, change);
      const shipped = await bench.market();
      const dataDir = join(bench.folder, `data of ${name}`);
      const souk = await startSouk({ ...bench, places: { ...bench.places, main } }, dataDir);
      const market = await openMarket(bench, souk);
      const rows: Row[] = [];
      for (const [what, requestsOf] of Object.entries({ orders, pages })) {
        const rounds = await takeTurns(
          bench,
          side(bench, { name, market, requestsOf }),
          side(bench, { name: 'shipped', market: shipped, requestsOf }),
        );
        rows.push(compare(rounds, { workload: `${name}: ${what}`, unit: 'req/s' }));
      }
      await souk.child.stop();
      return rows;
    },
  }),
);

type RequestsOf = (client: number) => LoadClient['requests'];

const orders: RequestsOf = (client) =>
  Array.from({ length: 50 }, (_, index) => orderOf([1 + ((41 * client + 7 * index) % 640)]));

const pages: RequestsOf = (client) =>
  Array.from({ length: PAGES_OF_RUN / CONNECTIONS }, (_, index) => ({
    method: 'GET',
    path: productQuery(firstQuery(client, CONNECTIONS) + index).path,
  }));

function side(
  bench: Bench,
  { name, market, requestsOf }: { name: string; market: Market; requestsOf: RequestsOf },
): Side {
  const { souk, headersOf } = market;
  const clients = Array.from({ length: CONNECTIONS }, (_, client) => ({
    headers: headersOf(buyerId(client)),
    requests: requestsOf(client),
  }));
  return {
    name,
    async run(seconds) {
      await forgetPages(bench, souk);
      return measureLoad(bench, { url: souk.url, seconds, clients, pid: souk.child.pid });
    },
  };
}

/** A copy of the program with one thing changed. @throws when that is not in it any more */
function writeProgram({ places, folder }: Bench, name: string, [from, to]: Change): string {
  const text = readFileSync(places.main, 'utf8');
  if (!text.includes(from)) throw new Error(`The program has no ${from}`);
  const copy = join(folder, `program of ${name}`);
  mkdirSync(join(copy, 'dist'), { recursive: true });
  // What it looks for in the project's folder.
  for (const part of ['package.json', 'node_modules', 'migrations', 'src']) {
    symlinkSync(join(places.root, part), join(copy, part));
  }
  const main = join(copy, 'dist', 'main.js');
  writeFileSync(main, text.replace(from, to));
  return main;
}
