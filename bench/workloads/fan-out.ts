import { type Bench, fork, type Workload } from '../bench.ts';
import type { FanOut, ListenersJob } from '../children/listeners.ts';
import { stopwatch } from '../http-load.ts';
import { buyerId } from '../market.ts';
import type { Child } from '../processes.ts';
import type { SocketPlace } from '../socket-clients.ts';
import { allowedSockets, startBareSockets } from '../sockets.ts';
import { compare, type Side, takeTurns } from '../turns.ts';
import type { WireRequest } from '../wire.ts';
import { orderOf } from './place-order.ts';

const SOCKETS = 5_000;
const SOCKETS_PER_USER = 50; // as many as one may have
const workload = 'fan-out';

/** Buyers order again and again; all the many sockets of buyer and seller hear of each order. */
export const fanOut: Workload = {
  name: workload,
  async run(bench) {
    const market = await bench.market();
    const { souk } = market;
    const sockets = allowedSockets(bench, SOCKETS);
    const pairs = Array.from(
      { length: Math.floor(sockets / SOCKETS_PER_USER / 2) },
      (_, index) => ({
        seller: market.headersOf(1 + index), // of the product with this number
        buyer: market.headersOf(buyerId(index)),
      }),
    );
    const path = '/ws/notifications/';
    const ours = await openCrowds(bench, {
      url: souk.url,
      crowds: pairs.map((pair) => Object.values(pair).map((headers) => ({ path, headers }))),
    });
    const orders = pairs.map(
      ({ buyer }, index): WireRequest => ({ ...orderOf([1 + index]), headers: buyer }),
    );
    const { frame } = await ours.ask<FanOut>({ seconds: 1, orders });
    const bare = await startBareSockets(bench, frame);
    const limit = await openCrowds(bench, {
      url: bare.url,
      crowds: pairs.map((pair, index) =>
        Object.values(pair).map(() => ({ path: `/${index}`, headers: {} })),
      ),
    });
    const rounds = await takeTurns(
      bench,
      side('ours', { crowd: ours, server: souk.child, orders }),
      side('bare ws', { crowd: limit, server: bare.child, orders: undefined }),
    );
    for (const child of [ours, limit, bare.child]) await child.stop();
    const notes = [
      `${pairs.length} buyers and sellers, ${SOCKETS_PER_USER} sockets each`,
      `${frame.length} bytes a frame`,
      'p50 and p99: from sending the order to the frame at the last of the sockets',
    ];
    return [compare(rounds, { workload, unit: 'frames/s', bar: 0.7, notes })];
  },
};

async function openCrowds(
  bench: Bench,
  { url, crowds }: { url: string; crowds: SocketPlace[][] },
): Promise<Child> {
  const crowd = fork(bench, 'listeners');
  const job: ListenersJob = { open: url, crowds, socketsPerPlace: SOCKETS_PER_USER };
  const { open } = await crowd.ask<{ open: number }>(job);
  bench.say(`  ${open} sockets open`);
  return crowd;
}

function side(
  name: string,
  { crowd, server, orders }: { crowd: Child; server: Child; orders: WireRequest[] | undefined },
): Side {
  return {
    name,
    async run(seconds) {
      const used = stopwatch(server.pid);
      const run = await crowd.ask<FanOut>({ seconds, orders });
      return { ...run, cpuMicroseconds: used(run.perSecond * seconds) };
    },
  };
}
