import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { limits } from './limits.ts';
import { openLog } from './log.ts';

function written(level: string) {
  const lines: { level: number; msg: string; unwritten?: number; of?: string }[] = [];
  const log = openLog(level, { write: (line) => void lines.push(JSON.parse(line)) });
  const count = (msg: string): number => lines.filter((line) => line.msg === msg).length;
  return { log, lines, count };
}

test('a flood of one message is cut off, which is told, and hides no other', async () => {
  const { log, lines, count } = written('error');
  const child = log.child({});
  for (let times = 0; times < 1_000; times += 1) {
    child.error({ times }, 'request failed');
    log.warn('not written at this level');
  }
  log.error('the disk is full');
  assert.equal(count('request failed'), limits.logLinesPerSecond);
  assert.equal(count('the disk is full'), 1);
  await sleep(1_200);
  const told = lines.filter(({ msg }) => msg === 'more lines than are written');
  const unwritten = 1_000 - limits.logLinesPerSecond;
  assert.deepEqual(
    told.map(({ level, unwritten, of }) => ({ level, unwritten, of })),
    [{ level: 50, unwritten, of: 'request failed' }],
  );
  child.error('request failed');
  assert.equal(count('request failed'), limits.logLinesPerSecond + 1, 'in the next second');
});

test('what looks like a secret is blanked', () => {
  const { log, lines } = written('info');
  log.info({ password: 'x', body: { refresh: 'y' } }, 'hello');
  assert.match(
    JSON.stringify(lines),
    /"password":"\[redacted\]","body":\{"refresh":"\[redacted\]"\}/,
  );
});
