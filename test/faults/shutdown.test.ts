import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { isRunning, postmasterPid } from '../../src/kernel/embedded/testing.ts';
import { limits } from '../../src/kernel/limits.ts';
import type { Json, User } from '../harness.ts';
import { databaseGone, newDataDir, urlOfDataDir } from '../program-data.ts';
import { cleanUp, freePort, run, type ServedShop, serve } from '../program.ts';
import { holdOrders } from '../held-lock.ts';
import { closeCode, within } from '../shopping.ts';
import { offer, register, Traffic } from '../traffic.ts';

after(cleanUp);

interface Opened {
  settings: { DATA_DIR: string; PORT: string };
  shop: ServedShop;
  bell: Json;
  buyers: User[];
}

async function openWithBuyers(): Promise<Opened> {
  const settings = { DATA_DIR: newDataDir(), PORT: String(await freePort()), LOG_LEVEL: 'info' };
  const shop = await serve(settings);
  const bell = await offer(shop, await register(shop, 'creator'), 100_000);
  const buyers = await Promise.all(Array.from({ length: 4 }, () => register(shop, 'viewer')));
  return { settings, shop, bell, buyers };
}

const isStopping = ({ shop }: Opened): Promise<void> =>
  within(5_000, async () => assert.match(shop.output(), /stopping: running requests finish/));

const orderOne = ({ shop, bell, buyers }: Opened) =>
  shop.call('POST /place-order/', {
    token: buyers[0]?.access,
    body: { products: [{ product_id: bell.id }] },
    headers: { 'Idempotency-Key': 'the last one' },
  });

test('a shop that is stopped under load finishes what runs and loses nothing', async (t) => {
  const opened = await openWithBuyers();
  const { settings, shop, buyers, bell } = opened;
  const sockets = await Promise.all(
    buyers.map(({ access }) => shop.socket(`/ws/notifications/${access}/`)),
  );
  const database = await postmasterPid(settings.DATA_DIR);
  const traffic = new Traffic([shop], bell.id);
  traffic.start(buyers);
  await traffic.progress(40);

  const began = Date.now();
  shop.signal('SIGTERM');
  assert.deepEqual(await Promise.all(sockets.map(closeCode)), [1012, 1012, 1012, 1012]);
  const { code, signal, stderr } = await shop.exited;
  t.diagnostic(`stopped after ${Date.now() - began} ms`);
  assert.deepEqual({ code, signal, stderr }, { code: 0, signal: null, stderr: '' });
  assert.ok(Date.now() - began < limits.drainMs, `${Date.now() - began} ms`);
  assert.equal(isRunning(database), false);

  const again = await serve(settings);
  await traffic.progress(20);
  await traffic.stop();
  assert.deepEqual(traffic.surprises, []);
  assert.equal(traffic.count(503), 0);
  await traffic.isKept(again);
  const verified = await run(['verify'], settings);
  assert.deepEqual([verified.code, verified.stderr], [0, ''], verified.stdout);
});

test('a request that takes long is answered before the shop stops', async () => {
  const opened = await openWithBuyers();
  const held = await holdOrders(urlOfDataDir(opened.settings.DATA_DIR));
  const ordering = orderOne(opened);
  await held.isWanted();
  opened.shop.signal('SIGTERM');
  await isStopping(opened);
  await within(2_000, async () => {
    await assert.rejects(opened.shop.call('GET /healthz'), TypeError); // nobody new is let in
  });
  await held.release();
  const began = Date.now();
  const { status, body } = await ordering;
  assert.deepEqual([status, body.message], [201, 'Order placed successfully']);
  const { code, signal } = await opened.shop.exited;
  const tookMs = Date.now() - began;
  assert.deepEqual([code, signal], [0, null]);
  assert.ok(tookMs < 3_000, `${tookMs} ms from the last answer to the end`);

  const shop = await serve(opened.settings);
  const again = await orderOne({ ...opened, shop });
  assert.deepEqual([again.status, again.body], [201, body]);
});

test('whoever asks twice does not wait for requests', async () => {
  const opened = await openWithBuyers();
  const { shop, settings } = opened;
  const database = await postmasterPid(settings.DATA_DIR);
  const held = await holdOrders(urlOfDataDir(opened.settings.DATA_DIR));
  const ordering = orderOne(opened).catch(() => 'cut');
  await held.isWanted();
  shop.signal('SIGTERM');
  await isStopping(opened);
  const began = Date.now();
  shop.signal('SIGTERM');
  const { code } = await shop.exited;
  const tookMs = Date.now() - began;
  assert.equal(code, 130);
  assert.ok(tookMs < 1_000, `${tookMs} ms`);
  assert.equal(await ordering, 'cut');
  await databaseGone(settings.DATA_DIR, 5_000);
  assert.equal(isRunning(database), false);

  const next = await serve(settings);
  await held.release();
  const again = await orderOne({ ...opened, shop: next });
  assert.equal(again.status, 201);
});
