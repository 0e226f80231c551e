import { answerJobs } from '../job.ts';
import { pace } from '../pace.ts';
import { openWires, requestText, type Wire } from '../wire.ts';

const CONNECTIONS = 32;
const OTHERS = 10; // one order in so many is of what the page shows

export interface OrdersAndReadsJob {
  url: string;
  seconds: number;
  ordersPerSecond: number;
  /** of buyers */
  headers: Record<string, string>[];
  /** some orders are of what the page shows, the others of these */
  otherProductIds: string[];
}

export interface OrdersAndReads {
  orders: number;
  /** of the page, after an order of what it shows */
  reads: number;
  stale: number;
  /** the first stale answer, in words */
  example: string | undefined;
}

/**
 * Orders one unit after the other, some of what the first page of products shows. After each such
 * order that is acknowledged the page is read: for no product may it show more than what the
 * orders acknowledged so far left.
 */
answerJobs(async (job: OrdersAndReadsJob): Promise<OrdersAndReads> => {
  const wires = await openWires(job.url, CONNECTIONS);
  const [first] = wires as [Wire];
  const path = '/list-product/';
  const list = requestText({ method: 'GET', path, headers: job.headers[0] ?? {} });
  const most = await readStocks(first, list); // that may be shown from now on
  const shownIds = [...most.keys()];
  const result: OrdersAndReads = { orders: 0, reads: 0, stale: 0, example: undefined };

  await pace({ perSecond: job.ordersPerSecond, ...job, callers: wires }, async (wire) => {
    const isOfPage = result.orders % OTHERS === 0;
    const productId = oneOf(isOfPage ? shownIds : job.otherProductIds);
    result.orders += 1;
    await order(wire, productId, oneOf(job.headers));
    if (!isOfPage) return;
    most.set(productId, (most.get(productId) ?? 0) - 1);
    const bounds = new Map(most);
    result.reads += 1;
    for (const [id, stock] of await readStocks(wire, list)) {
      const bound = bounds.get(id) ?? 0;
      if (stock <= bound) continue;
      result.stale += 1;
      result.example ??= `product ${id} showed ${stock}, but at most ${bound} were left`;
    }
  });
  for (const wire of wires) wire.close();
  return result;
});

const oneOf = <Item>(items: Item[]): Item =>
  items[Math.floor(Math.random() * items.length)] as Item;

async function order(wire: Wire, productId: string, headers: Record<string, string>) {
  const body = JSON.stringify({ products: [{ product_id: productId, quantity: 1 }] });
  const request = requestText({ method: 'POST', path: '/place-order/', headers, body });
  const { status, head } = await wire.ask(request);
  if (status !== 201) throw new Error(`An order: ${head}`);
}

async function readStocks(wire: Wire, request: string): Promise<Map<string, number>> {
  const { status, head, body } = await wire.ask(request);
  if (status !== 200) throw new Error(`A list: ${head}`);
  const { results } = JSON.parse(body.toString()) as { results: { id: string; stock: number }[] };
  return new Map(results.map(({ id, stock }) => [id, stock]));
}
