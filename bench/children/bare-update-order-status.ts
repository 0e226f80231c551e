import { newId } from '../../src/kernel/ids.ts';
import { type BareJob, runLoops } from '../bare-loops.ts';
import { answerJobs } from '../job.ts';
import { appendEvents, lockOrders, setStatuses } from '../statements.ts';

/** Moves the orders of each loop's seller, one step at a time, and tells their buyers. */
answerJobs((job: BareJob & { steps: { orderIds: string[] }[] }) =>
  runLoops(job, (db, loop) => {
    const orderIds = job.steps[loop]?.orderIds ?? [];
    let next = 0;
    return () =>
      db.transaction(async (send) => {
        const orderId = orderIds[Math.floor(next / 2)];
        const status = next % 2 === 0 ? 'shipped' : 'delivered';
        next += 1;
        const [order] = await send(lockOrders, [[orderId]]);
        if (order === undefined) throw new Error('The orders prepared were too few');
        void send(setStatuses, [[orderId], [status]]);
        const buyers = [order['buyer_id']];
        const message = `Your order ${orderId} is now ${status}`;
        const event = [[newId()], ['order.status_updated'], [orderId], [status], [message], [0]];
        void send(appendEvents, [buyers, buyers, ...event]);
      });
  }),
);
