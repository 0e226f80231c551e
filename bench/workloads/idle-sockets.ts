import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Bench, fork, type Workload } from '../bench.ts';
import type { ListenersJob } from '../children/listeners.ts';
import { buyerId, openMarket } from '../market.ts';
import { residentMb } from '../proc.ts';
import type { Child } from '../processes.ts';
import { median, type Row } from '../report.ts';
import { allowedSockets, startBareSockets } from '../sockets.ts';
import type { SocketPlace } from '../socket-clients.ts';
import { startSouk } from '../souk.ts';

const SOCKETS = 10_000;
const SOCKETS_PER_USER = 50;
const FIRST = 0.2; // of them are not counted: they use up what memory the start left free
const SETTLE_MS = 2_000; // for whatever so many handshakes leave to do
const BAR = 1.5;

/** By how much the server's memory grew for each socket, and to what. */
interface Memory {
  kbEach: number;
  allMb: number;
}

interface Round {
  ours: Memory;
  limit: Memory;
}

interface Crowd {
  server: Child;
  url: string;
  users: SocketPlace[];
}

/** What a socket costs that is open and hears nothing. */
export const idleSockets: Workload = {
  name: 'idle-sockets',
  alone: true,
  async run(bench) {
    const users = Math.floor(allowedSockets(bench, SOCKETS) / SOCKETS_PER_USER);
    const rounds: Round[] = [];
    for (let round = 1; round <= Math.min(bench.rounds, 2); round += 1) {
      const ours = await ofShop(bench, { users, folder: `idle-sockets-${round}` });
      const limit = await ofBareServer(bench, users);
      rounds.push({ ours, limit });
      const [our, bare] = [ours, limit].map(({ kbEach }) => `${kbEach.toFixed(1)} kB a socket`);
      bench.say(`  round ${round}: ours ${our}, bare ws ${bare}`);
    }
    return [summarise(rounds, users * SOCKETS_PER_USER)];
  },
};

/** A shop of its own, so that nothing it did before left room in its memory. */
async function ofShop(
  bench: Bench,
  { users, folder }: { users: number; folder: string },
): Promise<Memory> {
  const souk = await startSouk(bench, join(bench.folder, folder));
  const smaller = { buyers: users, products: 100, sellers: 2 };
  const { headersOf } = await openMarket(bench, souk, { smaller });
  const places = Array.from({ length: users }, (_, index) => ({
    path: '/ws/notifications/',
    headers: headersOf(smaller.sellers + 1 + index),
  }));
  return measure(bench, { server: souk.child, url: souk.url, users: places });
}

async function ofBareServer(bench: Bench, users: number): Promise<Memory> {
  const { child, url } = await startBareSockets(bench, '');
  const places = Array.from({ length: users }, (_, index) => ({
    path: `/${buyerId(index)}`,
    headers: {},
  }));
  return measure(bench, { server: child, url, users: places });
}

async function measure(bench: Bench, { server, url, users }: Crowd): Promise<Memory> {
  const clients: Child[] = [];
  const open = async (some: SocketPlace[]): Promise<number> => {
    const child = fork(bench, 'listeners');
    clients.push(child);
    const job: ListenersJob = {
      open: url,
      crowds: some.map((place) => [place]),
      socketsPerPlace: SOCKETS_PER_USER,
    };
    await child.ask(job);
    await sleep(SETTLE_MS, undefined, { signal: bench.signal });
    return residentMb(server.pid) ?? Number.NaN;
  };
  const first = Math.floor(users.length * FIRST);
  const before = await open(users.slice(0, first));
  const after = await open(users.slice(first));
  for (const child of [...clients, server]) await child.stop();
  const counted = (users.length - first) * SOCKETS_PER_USER;
  return { kbEach: ((after - before) * 1024) / counted, allMb: after };
}

function summarise(rounds: Round[], sockets: number): Row {
  const ratio = median(rounds.map(({ ours, limit }) => ours.kbEach / limit.kbEach));
  const middle = (value: (round: Round) => number) => Math.round(median(rounds.map(value)));
  const all = `${middle(({ ours }) => ours.allMb)} MB, bare ${middle(({ limit }) => limit.allMb)}`;
  const notes = [
    `each of the last 80 % of ${sockets} sockets; with all of them ours has ${all} MB`,
  ];
  if (Number.isNaN(ratio)) notes.push('SKIPPED: there is no /proc here');
  return {
    workload: 'idle-sockets',
    unit: 'kB',
    ours: median(rounds.map(({ ours }) => ours.kbEach)),
    limit: median(rounds.map(({ limit }) => limit.kbEach)),
    ratio,
    bar: `≤ ${BAR.toFixed(2)}`,
    ok: ratio <= BAR,
    notes,
    rounds,
  };
}
