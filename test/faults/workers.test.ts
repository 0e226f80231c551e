import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { isRunning, postmasterPid } from '../../src/kernel/embedded/testing.ts';
import type { Json, User } from '../harness.ts';
import { databaseGone, newDataDir, newDatabase, urlOfDataDir } from '../program-data.ts';
import { childrenOf, cleanUp, kill, run, type ServedShop, serve } from '../program.ts';
import { holdOrders } from '../held-lock.ts';
import { closeCode, times, within } from '../shopping.ts';
import { offer, register, Traffic } from '../traffic.ts';

after(cleanUp);

const twoWorkers = ['--workers', '2'];

const serveWithWorkers = async (settings: Record<string, string>): Promise<ServedShop> => {
  const shop = await serve(settings, twoWorkers);
  await within(10_000, async () => assert.match(shop.output(), /Souk is open/));
  return shop;
};

const workersOf = ({ pid }: ServedShop): number[] =>
  childrenOf(pid)
    .filter(({ command }) => /main\.js serve/.test(command))
    .map((child) => child.pid);

interface Fresh {
  /** of the worker: ids of requests begin with it */
  worker: string;
  status: number;
  body: Json;
}

/** A GET on a connection of its own, which goes to any worker. */
async function get({ url }: ServedShop, path: string, token = ''): Promise<Fresh> {
  const headers = token ? { authorization: `Bearer ${token}` } : {};
  const signal = AbortSignal.timeout(5_000);
  const sent = request(url + path, { agent: false, headers, signal }).end();
  const [answer] = await once(sent, 'response');
  const text = (await answer.setEncoding('utf8').toArray()).join('');
  const worker = String(answer.headers['x-request-id']).split('-')[0] ?? '';
  const isJson = String(answer.headers['content-type']).startsWith('application/json');
  return { worker, status: answer.statusCode, body: isJson ? JSON.parse(text) : text };
}

/** Answers to many visitors at once, some from each worker. */
async function fromBoth(shop: ServedShop, path: string, token?: string): Promise<Fresh[]> {
  const answers: Fresh[] = [];
  for (let round = 0; round < 10; round += 1) {
    answers.push(...(await Promise.all(times(8, () => get(shop, path, token)))));
    if (new Set(answers.map(({ worker }) => worker)).size === 2) return answers;
  }
  throw new Error('One worker serves nothing');
}

/** Waits at most a second until every answer, of both workers, is as it should be. */
const everywhere = (
  [shop, path, token]: [shop: ServedShop, path: string, token?: string],
  check: (answer: Fresh) => void,
): Promise<void> =>
  within(1_000, async () => {
    for (const answer of await fromBoth(shop, path, token)) check(answer);
  });

describe('two workers', { timeout: 120_000 }, () => {
  let shop: ServedShop;
  let seller: User;
  let bell: Json;
  before(async () => {
    shop = await serveWithWorkers(await newDatabase());
    seller = await register(shop, 'creator');
    bell = await offer(shop, seller, 100_000);
  });

  test('share the port, and the banner comes when both are there', async () => {
    await fromBoth(shop, '/healthz');
    assert.equal(workersOf(shop).length, 2);
    assert.equal(shop.output().match(/Souk is open/g)?.length, 1);
  });

  test('tell one count of requests, whichever is asked', async () => {
    for (let sent = 0; sent < 20; sent += 1) await get(shop, '/list-category/');
    const counted = /^souk_http_request_seconds_count\{.*route="\/list-category\/".*\} (\d+)$/m;
    await everywhere([shop, '/metrics'], ({ body }) => {
      assert.equal(counted.exec(body)?.[1], '20');
    });
  });

  test('both see a write within a second', async () => {
    const isStock = (stock: number) =>
      everywhere([shop, '/list-product/', seller.access], ({ body }) => {
        assert.equal(body.results.find((one: Json) => one.id === bell.id).stock, stock);
      });
    await isStock(100_000);
    const change = { id: bell.id, stock: 99_000 };
    const route = 'PATCH /product/';
    const { status } = await shop.call(route, { token: seller.access, body: change });
    assert.equal(status, 200);
    await isStock(99_000);
  });

  test('reach every socket of a buyer, wherever it is', async () => {
    const ann = await register(shop, 'viewer');
    const sockets = await Promise.all(
      times(6, () => shop.socket(`/ws/notifications/${ann.access}/`)),
    );
    const body = { products: [{ product_id: bell.id }] };
    const placed = await shop.call('POST /place-order/', { token: ann.access, body });
    for (const socket of sockets) {
      const [event] = await socket.receive(1, 2_000);
      assert.deepEqual([event.offset, event.order_id], [1, placed.body.order_id]);
    }
    const spread = /^souk_sockets (\d+)$/m.exec((await get(shop, '/metrics')).body)?.[1];
    assert.equal(spread, '6');
    for (const socket of sockets) await socket.close();
  });

  test('both refuse a session that has ended within a second, and close its sockets', async () => {
    const ann = await register(shop, 'viewer');
    const sockets = await Promise.all(
      times(4, () => shop.socket(`/ws/notifications/${ann.access}/`)),
    );
    const isAnswered = (expected: number) =>
      everywhere([shop, '/cart/', ann.access], ({ status }) => assert.equal(status, expected));
    await isAnswered(200);
    await shop.call('POST /auth/logout/', { token: ann.access });
    await isAnswered(401);
    assert.deepEqual(await Promise.all(sockets.map(closeCode)), [4401, 4401, 4401, 4401]);
  });

  test('go on when one of them is killed, and are two again soon', async () => {
    const traffic = new Traffic([shop], bell.id);
    traffic.start(await Promise.all(times(4, () => register(shop, 'viewer'))));
    await traffic.progress(20);
    const [victim, survivor] = workersOf(shop) as [number, number];
    process.kill(victim, 'SIGKILL');
    await traffic.progress(20);
    await within(5_000, async () => {
      const pids = workersOf(shop);
      assert.ok(pids.length === 2 && pids.includes(survivor) && !pids.includes(victim));
    });
    await within(5_000, async () => void (await fromBoth(shop, '/readyz')));
    await traffic.progress(20);
    await traffic.stop();
    assert.deepEqual(traffic.surprises, []);
    await traffic.isKept(shop);
    assert.match(shop.output(), /a worker died; starting another/);
  });
});

/** Nothing that the program started is left: no worker, no database. */
async function nothingIsLeft(shop: ServedShop, workers: number[], dataDir: string): Promise<void> {
  await within(5_000, async () => assert.deepEqual(workers.filter(isRunning), []));
  await databaseGone(dataDir);
  await assert.rejects(shop.call('GET /healthz'), TypeError);
}

describe('a shop of two workers', { timeout: 120_000 }, () => {
  test('ends as a whole when it is asked to, and what runs is finished', async () => {
    const settings = { DATA_DIR: newDataDir() };
    const shop = await serveWithWorkers(settings);
    const bell = await offer(shop, await register(shop, 'creator'), 100_000);
    const buyers = await Promise.all(times(4, () => register(shop, 'viewer')));
    const sockets = await Promise.all(
      buyers.map(({ access }) => shop.socket(`/ws/notifications/${access}/`)),
    );
    const traffic = new Traffic([shop], bell.id);
    traffic.start(buyers);
    await traffic.progress(20);
    const [workers, database] = [workersOf(shop), await postmasterPid(settings.DATA_DIR)];
    shop.signal('SIGTERM');
    assert.deepEqual(await Promise.all(sockets.map(closeCode)), [1012, 1012, 1012, 1012]);
    const { code, signal, stderr } = await shop.exited;
    assert.deepEqual({ code, signal, stderr }, { code: 0, signal: null, stderr: '' });
    assert.equal(isRunning(database), false);
    await nothingIsLeft(shop, workers, settings.DATA_DIR);

    const again = await serve({ ...settings, PORT: String(shop.port) });
    await traffic.progress(10);
    await traffic.stop();
    assert.deepEqual(traffic.surprises, []);
    await traffic.isKept(again);
    const verified = await run(['verify'], settings);
    assert.deepEqual([verified.code, verified.stderr], [0, ''], verified.stdout);
  });

  test('finishes what runs when Ctrl-C reaches all of its processes', async () => {
    const settings = { DATA_DIR: newDataDir() };
    const shop = await serveWithWorkers(settings);
    const bell = await offer(shop, await register(shop, 'creator'), 10);
    const ann = await register(shop, 'viewer');
    const held = await holdOrders(urlOfDataDir(settings.DATA_DIR));
    const body = { products: [{ product_id: bell.id }] };
    const ordering = shop.call('POST /place-order/', { token: ann.access, body });
    const answered = ordering.then(
      ({ status }) => status,
      () => 'cut',
    );
    await held.isWanted();
    const workers = workersOf(shop);
    process.kill(-shop.pid, 'SIGINT'); // a terminal signals the whole group
    await within(5_000, async () => {
      await assert.rejects(shop.call('GET /healthz'), TypeError);
    });
    await held.release();
    assert.equal(await answered, 201);
    assert.equal((await shop.exited).code, 0);
    await nothingIsLeft(shop, workers, settings.DATA_DIR);
  });

  test('leaves nothing behind when its primary is killed', async () => {
    const settings = { DATA_DIR: newDataDir() };
    const shop = await serveWithWorkers(settings);
    const workers = workersOf(shop);
    await kill(shop);
    await nothingIsLeft(shop, workers, settings.DATA_DIR);
  });
});
