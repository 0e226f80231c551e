import { pageStatement } from '../../src/features/catalog/product-query.ts';
import { type BareJob, runLoops } from '../bare-loops.ts';
import { answerJobs } from '../job.ts';
import { newProductQuery } from '../product-queries.ts';
import { productsById } from '../statements.ts';

let next = 0;

/** Reads pages of products that nobody has read before: the ids, then the products. */
answerJobs((job: BareJob) =>
  runLoops(job, ({ send }) => async () => {
    const { text, values } = pageStatement(newProductQuery(next).query);
    next += 1;
    const [page] = await send(text, values);
    await send(productsById, [(page as { ids: string[] }).ids]);
  }),
);
