import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { proveFlashSale } from '../../proofs/flash-sale.ts';
import type { Host } from '../../proofs/proof.ts';
import { proveSameKey } from '../../proofs/same-key.ts';
import { proveSocketDrops } from '../../proofs/socket-drops.ts';
import { noRedis } from '../redis-server.ts';

// Small ones of `npm run prove`: see there for the numbers that are promised.

const options = { skip: noRedis, timeout: 120_000 };

const hostOf = (t: TestContext): Host => ({
  signal: new AbortController().signal,
  say: (text) => t.diagnostic(text),
});

test('parallel orders under one key are one order, answered alike', options, async (t) => {
  assert.ok(await proveSameKey({ rounds: 20, parallel: 50, seed: 1 }, hostOf(t)));
});

test('hundreds of buyers for a few units buy exactly those', options, async (t) => {
  // The time that answers may take is promised of a machine that does nothing else.
  const sizes = { buyers: 600, units: 50, connections: 128, nodes: [2], p99BarMs: 10_000 };
  assert.ok(await proveFlashSale(sizes, hostOf(t)));
});

test('sockets that drop at any moment resume without loss or repetition', options, async (t) => {
  const sizes = { drops: 40, restarts: 2, seed: 1, atOnce: 20 };
  assert.ok(await proveSocketDrops(sizes, hostOf(t)));
});
