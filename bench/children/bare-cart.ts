import { type BareDb, type BareJob, runLoops } from '../bare-loops.ts';
import { answerJobs } from '../job.ts';
import { lockBuyers, lockLines, productsOnOffer, readCarts, writeLines } from '../statements.ts';

/** Adds to a cart, and reads it, in turns. */
answerJobs((job: BareJob & { buyerIds: number[]; productIds: string[] }) =>
  runLoops(job, (db, loop) => {
    const buyerId = job.buyerIds[loop] ?? 0;
    let next = 0;
    return async () => {
      const productId = job.productIds[Math.floor(next / 2) % job.productIds.length] ?? '';
      if (next % 2 === 0) await add(db, buyerId, productId);
      else await db.send(readCarts, [[buyerId]]);
      next += 1;
    };
  }),
);

/** The cart after it is known without another look, as the shop knows it. */
function add({ transaction }: BareDb, buyerId: number, productId: string): Promise<void> {
  return transaction(async (send) => {
    const [ids, productIds] = [[buyerId], [productId]];
    void send(lockBuyers, [ids]);
    void send(lockLines, [ids]);
    const cart = send(readCarts, [ids]);
    await send(productsOnOffer, [productIds]);
    const line = (await cart).find(({ id }) => id === productId);
    await send(writeLines, [ids, productIds, [Number(line?.['quantity'] ?? 0) + 1]]);
  });
}
