import { answerJobs } from '../job.ts';
import { pace } from '../pace.ts';
import { openWires, requestText, type Wire } from '../wire.ts';

const CONNECTIONS = 32;

export interface OrdersAndReadsJob {
  url: string;
  seconds: number;
  ordersPerSecond: number;
  /** of buyers */
  headers: Record<string, string>[];
}

export interface OrdersAndReads {
  orders: number;
  stale: number;
  /** the first stale answer, in words */
  example: string | undefined;
}

/**
 * Orders what the first page of products shows, one unit each, and after each acknowledged order
 * reads the page: for no product may it show more than what the orders acknowledged so far left.
 */
answerJobs(async (job: OrdersAndReadsJob): Promise<OrdersAndReads> => {
  const wires = await openWires(job.url, CONNECTIONS);
  const [first] = wires as [Wire];
  const path = '/list-product/';
  const list = requestText({ method: 'GET', path, headers: job.headers[0] ?? {} });
  const most = await readStocks(first, list); // that may be shown from now on
  const productIds = [...most.keys()];
  const result: OrdersAndReads = { orders: 0, stale: 0, example: undefined };

  await pace({ perSecond: job.ordersPerSecond, ...job, callers: wires }, async (wire) => {
    const productId = productIds[Math.floor(Math.random() * productIds.length)] ?? '';
    const headers = job.headers[result.orders % job.headers.length] ?? {};
    const products = [{ product_id: productId, quantity: 1 }];
    const body = JSON.stringify({ products });
    const answer = await wire.ask(
      requestText({ method: 'POST', path: '/place-order/', headers, body }),
    );
    if (answer.status !== 201) throw new Error(`An order: ${answer.head}`);
    result.orders += 1;
    most.set(productId, (most.get(productId) ?? 0) - 1);
    const bounds = new Map(most);
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

async function readStocks(wire: Wire, request: string): Promise<Map<string, number>> {
  const { status, head, body } = await wire.ask(request);
  if (status !== 200) throw new Error(`A list: ${head}`);
  const { results } = JSON.parse(body.toString()) as { results: { id: string; stock: number }[] };
  return new Map(results.map(({ id, stock }) => [id, stock]));
}
