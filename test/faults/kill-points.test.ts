import assert from 'node:assert/strict';
import { test } from 'node:test';
import { proveKillPoints } from '../../proofs/kill-points.ts';
import { noRedis } from '../redis-server.ts';

test('a node killed at each place of checkout keeps each order, once', {
  skip: noRedis,
  timeout: 150_000,
}, async (t) => {
  const { signal } = new AbortController();
  const bars = { rounds: 1, readyBarMs: 20_000 }; // other tests keep the machine busy
  assert.ok(await proveKillPoints(bars, { signal, say: (text) => t.diagnostic(text) }));
});
