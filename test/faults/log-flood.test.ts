import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { HeldLock } from '../held-lock.ts';
import { newDatabase } from '../program-data.ts';
import { cleanUp, logLines, serve } from '../program.ts';
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
  const flood = await Promise.all(times(3_000, add));
  await lock.release();
  const refused = flood.filter(({ status }) => status === 503).length;
  assert.ok(refused > 2_000, `${refused} refused`);
  await within(5_000, async () => {
    const warnings = logLines(shop, '"level":40');
    const cutOff = warnings.filter(({ of }) => of?.startsWith('Too many'));
    const left = cutOff.reduce((sum, { unwritten }) => sum + unwritten, 0);
    const written = warnings.filter(({ route, ms }) => route && !ms).length;
    assert.ok(left > 0);
    assert.equal(written + left, refused);
  });
  assert.equal((await add()).status, 201);
});
