import type { Bench, Workload } from '../bench.ts';
import type { LoadClient, LoadRequest } from '../children/load.ts';
import { CONNECTIONS, measureLoad } from '../http-load.ts';
import { buyerId, size } from '../market.ts';
import { productId } from '../market-rows.ts';
import { orders, proveEffects } from '../orders-proof.ts';
import { findPgbench, openPgbench } from '../pgbench.ts';
import type { Row } from '../report.ts';
import { compare, type Round, takeTurns } from '../turns.ts';

const ORDERS_OF_CONNECTION = 50; // then it begins again
const ORDERED_PRODUCTS = 640; // ten of each seller
const LINES = 16;

/** Each order is for a product at random, of many sellers. */
export const distinctProducts: Workload = {
  name: 'place-order-distinct',
  run: (bench) =>
    measureOrders(bench, {
      workload: 'place-order-distinct',
      bar: 2,
      script: 'place-order.sql',
      products: ORDERED_PRODUCTS,
      order: () => [1 + random(ORDERED_PRODUCTS)],
    }),
};

/** Everybody wants the same product. */
export const hotProduct: Workload = {
  name: 'place-order-hot',
  run: (bench) =>
    measureOrders(bench, {
      workload: 'place-order-hot',
      bar: 4,
      script: 'place-order.sql',
      products: 1,
      order: () => [1],
    }),
};

/** Each order is for 16 products of one seller. */
export const manyLines: Workload = {
  name: 'place-order-lines',
  run: (bench) =>
    measureOrders(bench, {
      workload: 'place-order-lines',
      bar: 1,
      script: 'place-order-lines.sql',
      products: size.products,
      order: () => productsOfSeller(1 + random(size.sellers)),
    }),
};

interface OrderWorkload {
  workload: string;
  bar: number;
  /** of bench/sql/, what pgbench does the same with */
  script: string;
  /** orders go to the products from 1 to this */
  products: number;
  /** the products of an order, by number */
  order(): number[];
}

async function measureOrders(
  bench: Bench,
  { workload, bar, script, products, order }: OrderWorkload,
): Promise<Row[]> {
  const { souk, headersOf } = await bench.market();
  const clients = Array.from(
    { length: CONNECTIONS },
    (_, index): LoadClient => ({
      headers: headersOf(buyerId(index)),
      requests: Array.from({ length: ORDERS_OF_CONNECTION }, () => orderOf(order())),
    }),
  );
  const { url, child } = souk;
  let acknowledged = 0;
  const ours = {
    name: 'ours',
    async run(seconds: number) {
      const measured = await measureLoad(bench, { url, seconds, clients, pid: child.pid });
      acknowledged += measured.answered;
      return measured;
    },
  };
  const pgbench = findPgbench(bench.environment);
  const server = souk.database;
  const limit =
    pgbench === undefined ? undefined : openPgbench(bench, { pgbench, server, script, products });
  let rounds: Round[] = [];
  const { right, note } = await proveEffects({ bench, souk, effect: orders }, async () => {
    rounds = await takeTurns(bench, ours, limit);
    return acknowledged;
  });
  const missing = 'NOT COMPARED: pgbench is not here (apt-get install postgresql)';
  const notes = limit ? [note] : [missing, note];
  return [compare(rounds, { workload, unit: 'orders/s', bar, notes, right })];
}

/** Sixteen that follow each other among the products of a seller, wherever they begin. */
function productsOfSeller(seller: number): number[] {
  const first = random(Math.floor(size.products / size.sellers) - LINES + 1);
  return Array.from({ length: LINES }, (_, line) => seller + size.sellers * (first + line));
}

/** An order of one unit each. */
export function orderOf(products: number[]): LoadRequest {
  const lines = products.map((number) => ({ product_id: productId(number), quantity: 1 }));
  return { method: 'POST', path: '/place-order/', body: JSON.stringify({ products: lines }) };
}

const random = (below: number): number => Math.floor(Math.random() * below);
