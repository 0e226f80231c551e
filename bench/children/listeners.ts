import type { WebSocket } from 'ws';
import { answerJobs } from '../job.ts';
import { percentiles } from '../percentiles.ts';
import { openSockets, type SocketPlace } from '../socket-clients.ts';
import type { Run } from '../turns.ts';
import { requestText, Wire, type WireRequest } from '../wire.ts';

export type ListenersJob =
  | { open: string; crowds: SocketPlace[][]; socketsPerPlace: number }
  | { seconds: number; orders: WireRequest[] | undefined };

export interface FanOut extends Run {
  /** the last one heard */
  frame: string;
}

/** The sockets that one event is for: the next waits until all of them heard of it. */
interface Crowd {
  sockets: WebSocket[];
  missing: number;
  heard: (() => void) | undefined;
}

let url = '';
let crowds: Crowd[] = [];
let frame: Buffer = Buffer.alloc(0);

/** Crowds of many sockets each: the first job opens them, the others let all cause events. */
answerJobs(async (job: ListenersJob) => {
  if (!('open' in job)) return causeEvents(job);
  url = job.open;
  crowds = job.crowds.map(() => ({ sockets: [], missing: 0, heard: undefined }));
  const places = job.crowds.flatMap((of, crowd) =>
    of.flatMap((place) => Array.from({ length: job.socketsPerPlace }, () => ({ ...place, crowd }))),
  );
  const crowdOf = (index: number): Crowd => crowds[places[index]?.crowd ?? 0] as Crowd;
  const sockets = await openSockets(url, places, (index, data) => {
    frame = data;
    const crowd = crowdOf(index);
    crowd.missing -= 1;
    if (crowd.missing === 0) crowd.heard?.();
  });
  for (const [index, socket] of sockets.entries()) crowdOf(index).sockets.push(socket);
  return { open: sockets.length };
});

/** Each crowd causes its next event when all its sockets have heard of the last. */
async function causeEvents({
  seconds,
  orders,
}: {
  seconds: number;
  orders: WireRequest[] | undefined;
}): Promise<FanOut> {
  const began = performance.now();
  const times: number[] = [];
  const cause = orders
    ? await Promise.all(orders.map((order) => ordering(order)))
    : crowds.map(
        ({ sockets }) =>
          async () =>
            sockets[0]?.send('on'),
      );
  const loop = async (crowd: Crowd, index: number): Promise<void> => {
    while (performance.now() - began < seconds * 1000) {
      const at = performance.now();
      crowd.missing = crowd.sockets.length;
      const all = new Promise<void>((resolve) => (crowd.heard = resolve));
      await Promise.all([all, cause[index]?.()]);
      times.push(performance.now() - at);
    }
  };
  await Promise.all(crowds.map(loop));
  const elapsed = (performance.now() - began) / 1000;
  const frames = times.length * (crowds[0]?.sockets.length ?? 0);
  return { perSecond: frames / elapsed, ...percentiles(times), frame: frame.toString() };
}

/** Orders on a connection of its own. */
async function ordering(order: WireRequest): Promise<() => Promise<void>> {
  const wire = await Wire.open(url);
  const request = requestText(order);
  return async () => {
    const { status, head } = await wire.ask(request);
    if (status !== 201) throw new Error(`An order: ${head}`);
  };
}
