import { type BareJob, runLoops } from '../bare-loops.ts';
import { answerJobs } from '../job.ts';
import { pagesOfOrders } from '../statements.ts';

/** Reads the first page of a buyer's orders, with their lines and the products of those. */
answerJobs((job: BareJob & { buyerIds: number[] }) =>
  runLoops(job, ({ send }, loop) => async () => {
    const buyerId = job.buyerIds[loop];
    await send(pagesOfOrders, [[buyerId], [0]]);
  }),
);
