import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { repeat } from './repeat.ts';

const PAUSE_MS = 200;

test('runs at once, and a pause after each end', async (t) => {
  const counted = count(t);
  assert.equal(counted.runs, 1);
  await sleep(PAUSE_MS / 2);
  assert.equal(counted.runs, 1);
  await sleep(PAUSE_MS * 3);
  assert.ok(counted.runs > 1);
});

test('a run that is due begins before its timer can, an early one does not', async (t) => {
  const counted = count(t);
  await sleep(0);
  counted.repeated.catchUp();
  assert.equal(counted.runs, 1);
  keepTheLoopBusy();
  counted.repeated.catchUp();
  assert.equal(counted.runs, 2);
  counted.repeated.catchUp();
  assert.equal(counted.runs, 2, 'it runs already');
});

test('a run that fails is told and followed by others, until it is stopped', async (t) => {
  const errors: unknown[] = [];
  const counted = count(t, () => Promise.reject(new Error('no')), errors);
  await sleep(PAUSE_MS * 3);
  assert.ok(errors.length > 1 && counted.runs > 1);
  counted.repeated.stop();
  const { runs } = counted;
  keepTheLoopBusy();
  counted.repeated.catchUp();
  await sleep(PAUSE_MS * 2);
  assert.equal(counted.runs, runs);
});

function count(t: TestContext, work = async (): Promise<void> => {}, errors: unknown[] = []) {
  const counted = { runs: 0 };
  const run = (): Promise<void> => {
    counted.runs += 1;
    return work();
  };
  const repeated = repeat(run, PAUSE_MS, (error) => errors.push(error));
  t.after(() => repeated.stop());
  return Object.assign(counted, { repeated });
}

function keepTheLoopBusy(): void {
  for (const until = Date.now() + PAUSE_MS * 1.5; Date.now() < until; );
}
