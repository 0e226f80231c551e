import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { newDataDir } from '../program-data.ts';
import { cleanUp, freePort, kill, run, serve, start } from '../program.ts';
import { offer, register, Traffic } from '../traffic.ts';

after(cleanUp);

const promisedMs = 8_000; // it takes one or two seconds; a machine busy with other tests, four

test('an app killed at any moment keeps what it acknowledged, each order once', async (t) => {
  const settings = { DATA_DIR: newDataDir(), PORT: String(await freePort()) };
  let shop = await serve(settings);
  const bell = await offer(shop, await register(shop, 'creator'), 100_000);
  const buyers = await Promise.all(Array.from({ length: 6 }, () => register(shop, 'viewer')));
  const traffic = new Traffic([shop], bell.id);
  traffic.start(buyers);
  for (let round = 1; round <= 3; round += 1) {
    await traffic.progress(20);
    await sleep(Math.random() * 100);
    await kill(shop);
    shop = await serve(settings);
    t.diagnostic(`ready again after ${shop.readyMs} ms, with ${traffic.orders} orders`);
    assert.ok(shop.readyMs < promisedMs, `${shop.readyMs} ms`);
  }
  await traffic.progress(20);
  await traffic.stop();
  assert.deepEqual(traffic.surprises, []);
  assert.ok(traffic.count('cut') > 0, 'no request met a kill');
  await traffic.isKept(shop);
  const verified = await run(['verify'], settings);
  assert.deepEqual([verified.code, verified.stderr], [0, ''], verified.stdout);
});

test('a first start that is killed again and again is finished by the next one', async () => {
  const settings = { DATA_DIR: newDataDir(), DEMO_DATA: 'on' };
  for (const afterMs of [300, 900]) {
    const program = start(['serve'], { ...settings, PORT: String(await freePort()) });
    await sleep(afterMs);
    await kill(program);
  }
  const shop = await serve(settings);
  const products = await countProducts(shop);
  assert.ok(products >= 200, `${products} products`);
  const verified = await run(['verify'], settings);
  assert.deepEqual([verified.code, verified.stderr], [0, ''], verified.stdout);
});

async function countProducts(shop: Parameters<typeof register>[0]): Promise<number> {
  const { access } = await register(shop, 'viewer');
  const { body } = await shop.call('GET /list-product/', { token: access });
  return body.total_products;
}
