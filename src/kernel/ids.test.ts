import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newId, parseId } from './ids.ts';

test('ids sort by the order of their making, however many in a millisecond', () => {
  const ids = Array.from({ length: 20_000 }, () => newId());
  assert.deepEqual(ids.toSorted(), ids);
  assert.equal(new Set(ids).size, ids.length);
});

test('they are of version 7, and say when they were made', () => {
  const before = Date.now();
  const id = newId();
  assert.match(id, /^[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
  const madeAt = Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16);
  assert.ok(madeAt >= before && madeAt <= Date.now());
  assert.equal(parseId(id.toUpperCase()), id);
});

test('their ends are random', () => {
  const tails = new Set(Array.from({ length: 5_000 }, () => newId().slice(-12)));
  assert.equal(tails.size, 5_000);
});
