import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { Batches } from './batches.ts';
import { Unavailable } from './errors.ts';
import { limits } from './limits.ts';

const awake = setInterval(() => undefined, 1_000); // as a server keeps a process
after(() => clearInterval(awake));

/** Items are lists of names that only one of a batch may have. */
function open(
  run: (items: string[][], turn: { isHeld: boolean }) => Promise<unknown>,
  options: { apart?: boolean } = {},
): Batches<string[], string[]> {
  return new Batches({
    ...options,
    run: (items, turn) => run(items, turn).then(() => items),
    exclusiveNames: (names) => names,
    onFailure: () => undefined,
    limits: { items: 10, waiting: 1_000, waitMs: 60_000 },
    tooBusy: 'Too busy',
  });
}

/** A promise that is kept when `open` is called. */
function openGate(): { opened: Promise<void>; open(): void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open: () => open() };
}

test('items that share a name are done in the order of their arrival', async () => {
  const done: string[][] = [];
  const batches = open(async (items) => {
    await sleep(5);
    done.push(...items);
  });
  const items = [['first'], ['cart'], ['cart', 'key'], ['key'], ['other'], ['cart']];
  await Promise.all(items.map((item) => batches.add(item)));
  assert.deepEqual(
    done.filter((names) => !names.includes('other')),
    items.filter((names) => !names.includes('other')),
  );
});

test('a full batch leaves the others in the order of their arrival', async () => {
  const batches: (string | undefined)[][] = [];
  const queue = open(async (items) => {
    await sleep(5);
    batches.push(items.map(([name]) => name));
  });
  const numbers = Array.from({ length: 22 }, (_, index) => String(index + 1));
  const items = numbers.map((name, index) => (index < 3 ? [name, 'cart'] : [name]));
  await Promise.all([['first'], ...items].map((item) => queue.add(item)));
  assert.deepEqual(batches, [
    ['first'],
    ['1', ...numbers.slice(3, 12)],
    ['2', ...numbers.slice(12, 21)],
    ['3', '22'],
  ]);
});

test('who waits behind a batch that does not end is refused, and so are newcomers', async () => {
  const stuck = openGate();
  const batches = open(() => stuck.opened);
  const first = batches.add(['a']);
  const refusedMs = async (name: string): Promise<number> => {
    const began = performance.now();
    await assert.rejects(batches.add([name]), new Unavailable('Too busy'));
    return performance.now() - began;
  };
  const waited = await Promise.all(['b', 'c', 'd'].map(refusedMs));
  for (const ms of waited) assert.ok(ms < limits.batchStillMs + 1_000, `${ms} ms`);
  assert.ok((await refusedMs('e')) < 1_000);
  stuck.open();
  assert.deepEqual(await first, ['a']);
  assert.deepEqual(await batches.add(['f']), ['f']);
});

/**
 * Items, told by their names' first letter: `h` is held, and never gets its lock; the server
 * refuses `r`; all others are done.
 * @returns which were done, and what was tried, in brackets if with little patience
 */
async function tryAll(names: string): Promise<{ done: string; tried: string[] }> {
  const away = new Unavailable('away');
  away.cause = Object.assign(new Error('lock timeout'), { code: '55P03' });
  const tried: string[] = [];
  const run = async (items: string[][], { isHeld }: { isHeld: boolean }): Promise<void> => {
    const all = items.flat().join(' ');
    tried.push(isHeld ? `(${all})` : all);
    await sleep(2);
    if (all.includes('r')) throw new pg.DatabaseError('refused', 0, 'error');
    if (all.includes('h')) throw away;
  };
  const batches = open(run, { apart: true });
  const asked = names.split(' ');
  const ended = await Promise.allSettled(asked.map((name) => batches.add([name])));
  return {
    done: asked.filter((_, index) => ended[index]?.status === 'fulfilled').join(' '),
    tried,
  };
}

test('who waited behind a lock has little patience, however many batches later', async () => {
  const { done, tried } = await tryAll('h1 a b c d e f g h2 i j k l m');
  assert.equal(done, 'a b c d e f g i j k l m');
  assert.deepEqual(tried.slice(0, 2), ['h1', '(a b c d e f g h2 i j)']);
  assert.equal(tried.at(-1), '(k l m)');
});

test('three that are held end their batch, and the line if none of it was done', async () => {
  const all = await tryAll('h1 h2 h3 h4 a b c d e f g waits');
  assert.equal(all.done, '');
  assert.deepEqual(all.tried, ['h1', '(h2 h3 h4 a b c d e f g)', '(h2)', '(h3)', '(h4)']);
  const some = await tryAll('h1 a h2 h3 h4 b c d e f g waits');
  assert.equal(some.done, 'a waits');
});

test('one that is held leaves the rest of a refused batch little patience', async () => {
  const { done, tried } = await tryAll('a r b h1 c h2');
  assert.equal(done, 'a b c');
  assert.deepEqual(tried, ['a', 'r b h1 c h2', 'r', 'b', 'h1', '(c)', '(h2)']);
});

test('who waits for what another did not get is refused with it', async () => {
  const { done, tried } = await tryAll('h1 h1 h1 a');
  assert.equal(done, 'a');
  assert.deepEqual(tried, ['h1', '(a)']);
});

test('one name cannot fill the queue for all', async () => {
  const held = openGate();
  const batches = open(() => held.opened);
  const running = batches.add(['greedy']);
  const waiting = Array.from({ length: limits.waitingOfOneName }, () => batches.add(['greedy']));
  await assert.rejects(batches.add(['greedy']), Unavailable);
  const other = batches.add(['modest']);
  held.open();
  await Promise.all([running, other, ...waiting]);
  assert.deepEqual(await batches.add(['greedy']), ['greedy']);
});
