import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
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

test('a few that are held one by one are enough to refuse the others', async () => {
  const away = new Unavailable('away');
  away.cause = Object.assign(new Error('lock timeout'), { code: '55P03' });
  const tried: { items: number; isHeld: boolean }[] = [];
  const locked = openGate();
  const batches = open(
    async (items, { isHeld }) => {
      tried.push({ items: items.length, isHeld });
      await locked.opened;
      if (items.length > 1 || items[0]?.[0] !== 'free') throw away;
    },
    { apart: true },
  );
  const names = ['first', 'a', 'free', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'waits'];
  const added = names.map((name) => batches.add([name]));
  locked.open();
  const ended = await Promise.allSettled(added);
  const done = names.filter((_, index) => ended[index]?.status === 'fulfilled');
  assert.deepEqual(done, ['free']);
  const alone = { items: 1, isHeld: true };
  assert.deepEqual(tried, [
    { items: 1, isHeld: false },
    { items: 10, isHeld: true },
    ...Array.from({ length: 5 }, () => alone),
  ]);
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
