import assert from 'node:assert/strict';
import { test } from 'node:test';
import { proveKillPoints } from '../../proofs/kill-points.ts';
import { noRedis } from '../redis-server.ts';

test('a node killed at each place of checkout keeps each order, once', {
  skip: noRedis,
  timeout: 150_000,
}, async (t) => {
  const { signal } = new AbortController();
  assert.ok(await proveKillPoints(1, { signal, say: (text) => t.diagnostic(text) }));
});
