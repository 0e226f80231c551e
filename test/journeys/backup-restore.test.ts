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

test('a backup under load holds every order acknowledged before it, and is sound', async () => {
  const busy = await newDatabase();
  const { shop, seller, buyers, traffic } = await busyShop(busy);
  const acknowledged = await Promise.all(buyers.map((buyer) => ordersOf(shop, buyer)));
  const file = await backedUp(busy);
  await traffic.progress(5);
  await traffic.stop();
  assert.deepEqual(traffic.surprises, []);

  const embedded = { DATA_DIR: newDataDir() };
  const { code, stdout, stderr } = await run(['restore', file], embedded);
  assert.equal(code, 0, stderr);
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
  await isSound(busy);
});

test('a shop moves from the built-in database to another server, and back', async () => {
  const embedded = { DATA_DIR: newDataDir() };
  const { shop, seller, buyers, traffic } = await busyShop(embedded);
  await traffic.stop();
  const before = kept(await contentOf(urlOfDataDir(embedded.DATA_DIR)));
  const file = await backedUp(embedded); // attaches to the server of the running shop
  shop.signal('SIGTERM');
  await shop.exited;

  const external = await newDatabase();
  assert.equal((await run(['restore', file, '--quiet'], external)).code, 0);
  assert.deepEqual(kept(await contentOf(external.DATABASE_URL)), before);
  const moved = await serve(external);
  await goesOn(moved, seller, buyers[0] as User);
  moved.signal('SIGTERM');
  await moved.exited;

  const again = { DATA_DIR: newDataDir() };
  const back = await backedUp(external);
  assert.equal((await run(['restore', back, '--quiet'], again)).code, 0);
  await isSound(again);
  const home = await serve(again);
  const there = kept(await contentOf(external.DATABASE_URL));
  assert.deepEqual(kept(await contentOf(urlOfDataDir(again.DATA_DIR))), there);
  await loggedIn(home, buyers[0] as User);
});
