import { limits } from '../../src/kernel/limits.ts';
import { type BareDb, type BareJob, runLoops } from '../bare-loops.ts';
import { answerJobs } from '../job.ts';
import {
  addLine,
  boundsOfCart,
  isOnOffer,
  linesOfCart,
  lockCart,
  productsById,
} from '../statements.ts';

/** Adds to a cart, which is then read, and reads it again, in turns: two requests of the shop. */
answerJobs((job: BareJob & { buyerIds: number[]; productIds: string[] }) =>
  runLoops(job, (db, loop) => {
    const buyerId = job.buyerIds[loop] ?? 0;
    let next = 0;
    return async () => {
      const productId = job.productIds[Math.floor(next / 2) % job.productIds.length] ?? '';
      if (next % 2 === 0) await add(db, buyerId, productId);
      next += 1;
      await read(db, buyerId);
    };
  }),
);

function add({ transaction }: BareDb, buyerId: number, productId: string): Promise<void> {
  return transaction(async (send) => {
    void send(lockCart, [buyerId]);
    await send(isOnOffer, [productId]);
    await send(addLine, [buyerId, productId, 1, limits.lineQuantity]);
    await send(boundsOfCart, [buyerId, productId]);
  });
}

async function read({ send }: BareDb, buyerId: number): Promise<void> {
  const lines = await send(linesOfCart, [buyerId]);
  await send(productsById, [lines.map(({ product_id }) => product_id)]);
}
