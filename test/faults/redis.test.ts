import assert from 'node:assert/strict';
import { after, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { defer } from '../../src/kernel/embedded/testing.ts';
import { type Json, openShop, type TestNode, type TestShop, type User } from '../harness.ts';
import { cleanUp, freePort } from '../program.ts';
import { closeCode, moved, ordered, times, within } from '../shopping.ts';
import { Traffic } from '../traffic.ts';
import { noRedis, RedisServer } from '../redis-server.ts';

after(cleanUp);

/** A shop of two nodes on a Redis of its own, and people in it. */
interface Town {
  redis: RedisServer;
  shop: TestShop;
  other: TestNode;
  seller: User;
  bell: Json;
}

async function openTown(t: TestContext, redis: RedisServer): Promise<Town> {
  defer(t, () => redis.kill());
  const shop = await openShop({ REDIS_URL: redis.url });
  defer(t, async () => {
    const violations = await shop.violations();
    await shop.close();
    assert.deepEqual(violations, []);
  });
  const other = await shop.node();
  const seller = await shop.seller();
  const bell = await shop.product(seller, { stock: 100_000 });
  return { redis, shop, other, seller, bell };
}

/** Orders on both nodes while `work` does what it does: every request is answered well. */
async function underLoad(town: Town, work: () => Promise<void>): Promise<void> {
  const { shop, bell, other } = town;
  const traffic = new Traffic([shop, other], bell.id);
  traffic.start(await Promise.all(times(4, () => shop.buyer())));
  try {
    await traffic.progress(10);
    await work();
    await traffic.progress(10);
  } finally {
    await traffic.stop();
  }
  assert.deepEqual([...traffic.outcomes.keys()], [201]);
  await traffic.isKept(other);
}

const stockIn = async (node: TestNode, { access }: User, { id }: Json): Promise<number> => {
  const { body } = await node.call('GET /list-product/?page_size=100', { token: access });
  return body.results.find((one: Json) => one.id === id).stock;
};

/** The promises of a shop of two nodes, with or without hints between them. */
async function keepsItsPromises({ shop, other, seller }: Town): Promise<void> {
  const gong = await shop.product(seller, { stock: 5 });
  const [ann, bob] = [await shop.buyer(), await shop.buyer()];
  await within(1_000, async () => assert.equal(await stockIn(other, ann, gong), 5));
  const socket = await other.socket(`/ws/notifications/${ann.access}/`);

  const id = await ordered(shop, ann, { product_id: gong.id, quantity: 2 });
  await within(1_000, async () => assert.equal(await stockIn(other, ann, gong), 3));
  await moved(shop, seller, { id, to: ['shipped'] });
  const heard = await socket.receive(2, 2_000);
  assert.deepEqual(
    heard.map(({ offset, order_id, status }) => [offset, order_id, status]),
    [
      [1, id, 'pending'],
      [2, id, 'shipped'],
    ],
  );

  assert.equal((await other.call('GET /cart/', { token: bob.access })).status, 200);
  await shop.call('POST /auth/logout/', { token: bob.access });
  await shop.call('POST /auth/logout/', { token: ann.access });
  await within(1_000, async () => {
    assert.equal((await other.call('GET /cart/', { token: bob.access })).status, 401);
  });
  assert.equal(await closeCode(socket), 4401);
}

/** Hints go between the nodes: an event is on the other's socket long before a node would look. */
async function hintsFlow({ redis, shop, other, bell }: Town): Promise<void> {
  await within(5_000, async () => assert.equal(await redis.listeners(), 2));
  const ann = await shop.buyer();
  const socket = await other.socket(`/ws/notifications/${ann.access}/`);
  const delays: number[] = [];
  for (const count of [1, 2, 3]) {
    await ordered(shop, ann, { product_id: bell.id });
    const began = Date.now();
    await socket.receive(count);
    delays.push(Date.now() - began);
  }
  assert.ok(Math.min(...delays) < 200 && Math.max(...delays) < 2_000, `${delays.join(', ')} ms`);
  await socket.close();
}

const options = { skip: noRedis, timeout: 60_000 };

test('nodes go on when Redis is killed, and use it again when it is back', options, async (t) => {
  const town = await openTown(t, await RedisServer.started());
  await hintsFlow(town);
  await underLoad(town, async () => {
    await town.redis.kill();
    await keepsItsPromises(town);
  });
  await underLoad(town, async () => {
    await town.redis.start();
    await hintsFlow(town);
    await keepsItsPromises(town);
  });
});

test('nodes do not mind that Redis forgets everything', options, async (t) => {
  const town = await openTown(t, await RedisServer.started());
  await underLoad(town, async () => {
    for (let round = 0; round < 10; round += 1) {
      await town.redis.ask('FLUSHALL');
      await sleep(20);
    }
    await keepsItsPromises(town);
    await town.redis.ask('FLUSHALL');
  });
  await hintsFlow(town);
});

test('nodes do not wait for a Redis that hangs', options, async (t) => {
  const town = await openTown(t, await RedisServer.started());
  await underLoad(town, async () => {
    town.redis.pause();
    await keepsItsPromises(town);
    town.redis.resume();
  });
  await hintsFlow(town);
});

test('nodes do not need Redis to start, and find it when it comes', options, async (t) => {
  const redis = new RedisServer(await freePort());
  const town = await openTown(t, redis);
  await underLoad(town, () => keepsItsPromises(town));
  await redis.start();
  await hintsFlow(town);
});

test('the guessing of passwords is limited without Redis, too', options, async (t) => {
  const redis = await RedisServer.started();
  const shop = await openShop({ REDIS_URL: redis.url, RATE_LIMITS: 'on' });
  defer(t, () => shop.close());
  await redis.kill();
  const body = { email: 'ann@example.com', password: 'guess' };
  const statuses: number[] = [];
  for (let guess = 1; guess <= 11; guess += 1) {
    statuses.push((await shop.call('POST /auth/login/', { body })).status);
  }
  assert.deepEqual(statuses, [...times(10, () => 400), 429]);
});
