import { type BareJob, runLoops } from '../bare-loops.ts';
import { answerJobs } from '../job.ts';
import { countOrders, linesOfOrders, pageOfOrders, productsById } from '../statements.ts';

/** Reads the first page of a buyer's orders, with their lines and the products of those. */
answerJobs((job: BareJob & { buyerIds: number[] }) =>
  runLoops(job, ({ send }, loop) => async () => {
    const buyerId = job.buyerIds[loop];
    await send(countOrders, [buyerId]);
    const orders = await send(pageOfOrders, [buyerId, 10, 0]);
    const lines = await send(linesOfOrders, [orders.map(({ id }) => id)]);
    await send(productsById, [[...new Set(lines.map(({ product_id }) => product_id))]]);
  }),
);
