import { pageStatement } from '../../src/features/catalog/page-statement.ts';
import { type BareJob, runLoops } from '../bare-loops.ts';
import { answerJobs } from '../job.ts';
import { firstQuery, productQuery } from '../product-queries.ts';
import { productsById } from '../statements.ts';

/** Reads pages of products, the ids and then the products, in the order of the shop's clients. */
answerJobs((job: BareJob) =>
  runLoops(job, ({ send }, loop) => {
    let next = firstQuery(loop, job.loops);
    return async () => {
      const { text, values } = pageStatement(productQuery(next).query);
      next += 1;
      const [page] = await send(text, values);
      await send(productsById, [(page as { ids: string[] }).ids]);
    };
  }),
);
