import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { backedUp, contentOf, kept } from '../backups.ts';
import type { Json, User } from '../harness.ts';
import { newDataDir, newDatabase, query, urlOfDataDir } from '../program-data.ts';
import { cleanUp, run, type ServedShop, serve } from '../program.ts';
import { moved, ordersOf } from '../shopping.ts';
import { offer, register, Traffic } from '../traffic.ts';

after(cleanUp);

/** A shop where buyers order all the time. */
async function busyShop(settings: Record<string, string>) {
  const shop = await serve(settings);
  const seller = await register(shop, 'creator');
  const bell = await offer(shop, seller, 1_000_000);
  const buyers = await Promise.all([1, 2, 3, 4].map(() => register(shop, 'viewer')));
  const traffic = new Traffic([shop], bell.id);
  traffic.start(buyers);
  await traffic.progress(20);
  return { shop, seller, bell, buyers, traffic };
}

async function loggedIn(shop: ServedShop, { email, password, ...user }: User): Promise<User> {
  const { status, body } = await shop.call('POST /auth/login/', { body: { email, password } });
  assert.equal(status, 200);
  return { ...user, email, password, access: body.access, refresh: body.refresh };
}

/** Whoever had an account goes on: with orders, offsets and ids that follow those of before. */
async function goesOn(shop: ServedShop, seller: User, buyer: User): Promise<void> {
  const old = await shop.call('GET /list-user-order/', { token: buyer.access });
  assert.equal(old.status, 401, 'a token of before the restore');
  const [ann, sam] = [await loggedIn(shop, buyer), await loggedIn(shop, seller)];
  const products = await shop.call('GET /list-product/', { token: ann.access });
  assert.equal(products.body.total_products, 1);
  const [bell] = products.body.results;
  const before = await ordersOf(shop, ann);
  const sold = { products: [{ product_id: bell.id, quantity: 2 }] };
  const placed = await shop.call('POST /place-order/', { token: ann.access, body: sold });
  assert.equal(placed.status, 201, placed.text);
  await moved(shop, sam, { id: placed.body.order_id, to: ['shipped'] });
  assert.equal((await ordersOf(shop, ann)).length, before.length + 1);
  const last = before.length; // each order told its buyer once
  const socket = await shop.socket(`/ws/notifications/?token=${ann.access}&after=${last}`);
  const offsets = (await socket.receive(2)).map(({ offset }: Json) => offset);
  assert.deepEqual(offsets, [last + 1, last + 2]);
  const newcomer = await register(shop, 'viewer');
  assert.ok(newcomer.id > Math.max(sam.id, ann.id), 'ids are not given twice');
}

async function isSound(settings: Record<string, string>): Promise<void> {
  const { code, stdout } = await run(['verify'], settings);
  assert.equal(code, 0, stdout);
}

test('a busy shop moves with all that it acknowledged, goes on, and moves back', async () => {
  const busy = await newDatabase();
  const { shop, seller, buyers, traffic } = await busyShop(busy);
  // Somebody else's table, which takes time in the midst of the shop's.
  await query(
    busy.DATABASE_URL,
    `CREATE TABLE more_rows AS SELECT md5(n::text) AS a FROM generate_series(1, 50000) n`,
  );
  const acknowledged = await Promise.all(buyers.map((buyer) => ordersOf(shop, buyer)));
  const file = await backedUp(busy);
  await traffic.progress(5);
  await traffic.stop();
  assert.deepEqual(traffic.surprises, []);

  const embedded = { DATA_DIR: newDataDir() };
  const { code, stdout, stderr } = await run(['restore', file], embedded);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^Left out: more_rows, /m);
  assert.match(stdout, /\nAll invariants hold\.\n$/);
  const copy = await serve(embedded);
  const ids = new Set(
    (await query(urlOfDataDir(embedded.DATA_DIR), 'SELECT id FROM orders')).map(({ id }) => id),
  );
  const missing = acknowledged.flat().filter(({ id }: Json) => !ids.has(id));
  assert.ok(acknowledged.flat().length >= 20 - 4);
  assert.deepEqual(missing, []);
  assert.ok(ids.size < traffic.orders, 'the backup shows one moment, not what came later');
  await goesOn(copy, seller, buyers[0] as User);
  await isSound(embedded);

  // And back to a server of one's own, from the built-in database while its shop runs.
  const back = await backedUp(embedded);
  const external = await newDatabase();
  assert.equal((await run(['restore', back, '--quiet'], external)).code, 0);
  const there = kept(await contentOf(urlOfDataDir(embedded.DATA_DIR)));
  assert.deepEqual(kept(await contentOf(external.DATABASE_URL)), there);
});
