import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { limits } from '../../src/kernel/limits.ts';
import { HeldLock } from '../held-lock.ts';
import { newDatabase } from '../program-data.ts';
import { cleanUp, serve } from '../program.ts';
import { times, within } from '../shopping.ts';
import { offer, register } from '../traffic.ts';

after(cleanUp);

test('a flood of requests refused with 503 does not flood the log, which says so', async () => {
  const settings = await newDatabase();
  const shop = await serve({ ...settings, LOG_LEVEL: 'info' });
  const bell = await offer(shop, await register(shop, 'creator'), 10_000);
  const { access: token, id } = await register(shop, 'viewer');
  const body = { product_id: bell.id, quantity: 1 };
  const add = () => shop.call('POST /cart/', { token, body });
  const held = `SELECT FROM users WHERE id = ${id} FOR UPDATE`;
  const lock = await HeldLock.take(settings.DATABASE_URL, held);
  const flood = await Promise.all(times(1_000, add));
  await lock.release();
  const refused = flood.filter(({ status }) => status === 503).length;
  assert.ok(refused > 800, `${refused} refused`);
  await sleep(1_000);
  const short = /"unwritten":\d+,"msg":"more requests failed or were slow than are logged"/;
  await within(5_000, async () => {
    assert.equal((await add()).status, 201);
    assert.match(shop.output(), short);
  });
  const warnings = shop.output().match(/"level":40/g)?.length ?? 0;
  assert.ok(warnings >= limits.requestLinesPerSecond && warnings < 500, `${warnings} warnings`);
});
