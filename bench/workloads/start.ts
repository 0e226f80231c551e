import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { type Bench, until, type Workload } from '../bench.ts';
import { median, type Row } from '../report.ts';
import { freePort, startServer } from '../souk.ts';

const SECOND_START_BAR_MS = 1_000;
const PATIENCE_MS = 30_000;
const POLL_MS = 5;

interface Start {
  firstMs: number;
  secondMs: number;
  limitMs: number;
}

/** From `npm start` to the first answer: of a new shop, and of one that was stopped. */
export const start: Workload = {
  name: 'start',
  alone: true,
  async run(bench) {
    const starts: Start[] = [];
    for (let round = 1; round <= bench.rounds; round += 1) {
      const dataDir = join(bench.folder, `start-${round}`);
      const firstMs = await startAndStop(bench, dataDir);
      const secondMs = await startAndStop(bench, dataDir);
      const limitMs = (await startNode(bench)) + (await startPostgres(bench, dataDir));
      starts.push({ firstMs, secondMs, limitMs });
      const [first, second, limit] = [firstMs, secondMs, limitMs].map(Math.round);
      bench.say(`  round ${round}: first ${first} ms, second ${second} ms, bare ${limit} ms`);
    }
    return [row('start-first', starts), row('start-second', starts)];
  },
};

async function startAndStop(bench: Bench, dataDir: string): Promise<number> {
  const program = [bench.places.start, 'serve'];
  const { child, readyMs } = await startServer(bench, { program, dataDir });
  await child.stop();
  return readyMs;
}

/** Node with a server of one line, until its first answer. */
async function startNode(bench: Bench): Promise<number> {
  const port = await freePort();
  const script = `require('http').createServer((_, answer) => answer.end()).listen(${port})`;
  const began = performance.now();
  const child = bench.processes.start({
    file: process.execPath,
    args: ['-e', script],
    env: bench.environment,
    cwd: bench.folder,
  });
  await poll(bench, 'node', async () => void (await fetch(`http://127.0.0.1:${port}/`)));
  const ms = performance.now() - began;
  await child.stop();
  return ms;
}

/** PostgreSQL with the very command line that the shop started it with, until it answers. */
async function startPostgres(bench: Bench, dataDir: string): Promise<number> {
  const cluster = join(dataDir, 'postgres');
  // file "argument" "argument" …, where an argument may have quotes of its own
  const options = await readFile(join(cluster, 'postmaster.opts'), 'utf8');
  const [file = '', ...args] = options.trim().split(/"? "/);
  const password = (await readFile(join(dataDir, 'database-password'), 'utf8')).trim();
  const server = { host: join(dataDir, 'run'), port: 5432, user: 'souk', password };
  const began = performance.now();
  const child = bench.processes.start({
    file,
    args: args.map((one, index) => (index === args.length - 1 ? one.slice(0, -1) : one)),
    env: bench.environment,
    cwd: dataDir,
    user: await stat(cluster),
  });
  await poll(bench, 'PostgreSQL', async () => {
    const client = new pg.Client({ ...server, database: 'souk' });
    client.on('error', () => undefined);
    await client.connect();
    await client.end();
  });
  const ms = performance.now() - began;
  await child.stop();
  return ms;
}

function poll({ signal }: Bench, what: string, attempt: () => Promise<void>): Promise<void> {
  return until(what, { ms: PATIENCE_MS, everyMs: POLL_MS, signal }, () =>
    attempt().then(
      () => true,
      () => false,
    ),
  );
}

function row(workload: 'start-first' | 'start-second', starts: Start[]): Row {
  const isSecond = workload === 'start-second';
  const timesOf = ({ firstMs, secondMs }: Start) => (isSecond ? secondMs : firstMs);
  const ours = median(starts.map(timesOf));
  return {
    workload,
    unit: 'ms',
    ours,
    limit: median(starts.map(({ limitMs }) => limitMs)),
    ratio: median(starts.map((one) => timesOf(one) / one.limitMs)),
    bar: isSecond ? `≤ ${SECOND_START_BAR_MS} ms` : 'reported',
    ok: !isSecond || ours <= SECOND_START_BAR_MS,
    notes: isSecond ? [] : ['makes the database and loads the demo shop'],
    rounds: starts,
  };
}
