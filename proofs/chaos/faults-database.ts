import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { Reply } from '../client.ts';
import { type Fault, healedBy, memoryGrowth } from './fault.ts';
import type { World } from './world.ts';

const databaseKilled: Fault = {
  name: 'PostgreSQL killed (SIGKILL)',
  allows: [503],
  backMs: 3_000,
  async strike({ town }) {
    await town.database.kill();
    return healedBy(town.database.ready());
  },
};

const databaseRestarted: Fault = {
  name: 'PostgreSQL restarted',
  allows: [503],
  backMs: 3_000,
  async strike({ town }) {
    await town.database.restart();
    return healedBy(town.database.ready());
  },
};

const databasePaused: Fault = {
  name: 'PostgreSQL paused (SIGSTOP)',
  allows: [503],
  delays: true,
  backMs: 3_000,
  async strike(world, seconds) {
    const growth = memoryGrowth(world, 100);
    const goOn = await world.town.database.pause();
    await sleep(seconds * 1_000);
    const figure = growth();
    goOn();
    return { healedAt: performance.now(), figures: [figure] };
  },
};

/** Others hold what every request needs, so that each connection of the nodes waits. */
const poolExhausted: Fault = {
  name: 'connections held by others',
  allows: [503],
  delays: true,
  backMs: 1_000,
  async strike(world) {
    const holder = new pg.Client({ connectionString: world.town.database.url });
    await holder.connect();
    await holder.query('BEGIN; LOCK TABLE products, sessions IN ACCESS EXCLUSIVE MODE');
    const waiting = askAll(world, 15); // more than there are connections
    await sleep(1_000); // below the lock time-out: none of them comes free
    const answers = await askAll(world, 10);
    await holder.query('ROLLBACK');
    await holder.end();
    await waiting;
    const isGood = ({ outcome, retryAfter }: Reply): boolean =>
      outcome === 200 || (outcome === 503 && retryAfter !== undefined);
    if (!answers.every(isGood) || !answers.some(({ outcome }) => outcome === 503)) {
      const outcomes = answers.map(({ outcome }) => outcome).join(', ');
      world.history.violate('chaos', `connections held by others: answers ${outcomes}`);
    }
    const slowest = Math.max(...answers.map(({ sentAt, endedAt }) => endedAt - sentAt));
    const figures = [{ name: 'refused', value: slowest, bar: 3_000, unit: 'ms' }];
    return { healedAt: performance.now(), figures };
  },
};

/** Some requests to each node that the database must answer. */
function askAll({ town, client, sellers }: World, count: number): Promise<Reply[]> {
  const token = sellers[0]?.access;
  return Promise.all(
    town.nodes.flatMap(({ url }) =>
      Array.from({ length: count }, (_, index) =>
        client.send(url, `GET /list-product/?search=nothing-${index}`, { token }),
      ),
    ),
  );
}

export const databaseFaults: Fault[] = [
  databaseKilled,
  databaseRestarted,
  databasePaused,
  poolExhausted,
];
