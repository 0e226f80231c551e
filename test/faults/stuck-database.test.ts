import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { provePaused } from '../../proofs/paused.ts';
import { provePool } from '../../proofs/pool.ts';
import type { Host } from '../../proofs/proof.ts';
import { noRedis } from '../redis-server.ts';

// Small ones of `npm run prove -- pool` and `npm run prove -- paused`.

const options = { skip: noRedis, timeout: 150_000 };

const hostOf = (t: TestContext): Host => ({
  signal: new AbortController().signal,
  say: (text) => t.diagnostic(text),
});

test(
  'whoever meets an exhausted pool is told so soon, and all is well after',
  options,
  async (t) => {
    assert.ok(await provePool({ seconds: 6, shoppers: 60, marginMs: 2_000 }, hostOf(t)));
  },
);

test(
  'a database that stands still costs time, and neither orders nor memory',
  options,
  async (t) => {
    assert.ok(await provePaused({ seconds: 5, shoppers: 30 }, hostOf(t)));
  },
);
