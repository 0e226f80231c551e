import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { postmasterPid } from '../../src/kernel/embedded/testing.ts';
import type { User } from '../harness.ts';
import { newDataDir } from '../program-data.ts';
import { cleanUp, run, type ServedShop, serve } from '../program.ts';
import { within } from '../shopping.ts';
import type { TestSocket } from '../socket.ts';
import { offer, register, Traffic } from '../traffic.ts';

after(cleanUp);

const backAfterMs = 5_000;

const readRoutes = ['GET /list-product/', 'GET /cart/', 'GET /list-user-order/', 'GET /readyz'];

/** Reads all the time; keeps every answer but 200 and 503 with Retry-After. */
class Visitor {
  readonly surprises: string[] = [];
  refusals = 0;
  #isStopping = false;
  readonly #running: Promise<void>;

  constructor(shop: ServedShop, user: User) {
    this.#running = this.#visit(shop, user);
  }

  stop(): Promise<void> {
    this.#isStopping = true;
    return this.#running;
  }

  async #visit({ call }: ServedShop, { access }: User): Promise<void> {
    for (let turn = 0; !this.#isStopping; turn += 1) {
      const route = readRoutes[turn % readRoutes.length] as string;
      try {
        const { status, headers, text } = await call(route, { token: access });
        if (status === 503 && headers.get('retry-after') === '1') this.refusals += 1;
        else if (status !== 200) this.surprises.push(`${route}: ${status} ${text}`);
      } catch (error) {
        this.surprises.push(`${route}: ${String(error)}`);
      }
      await sleep(5);
    }
  }
}

/** Every socket is open still and has heard of every order of its buyer. */
async function heardAll(sockets: Map<User, TestSocket>, { call }: ServedShop): Promise<void> {
  for (const [{ access }, socket] of sockets) {
    const { body } = await call('GET /list-user-order/', { token: access });
    await within(3_000, async () => assert.equal(socket.messages.length, body.count));
    assert.deepEqual(
      socket.messages.map(({ offset }) => offset),
      Array.from({ length: body.count }, (_, index) => index + 1),
    );
    assert.equal(socket.raw.readyState, socket.raw.OPEN);
  }
}

test('a killed database server is back in seconds, and nobody loses anything', async (t) => {
  const settings = { DATA_DIR: newDataDir(), LOG_LEVEL: 'info' };
  const shop = await serve(settings);
  const bell = await offer(shop, await register(shop, 'creator'), 100_000);
  const buyers = await Promise.all(Array.from({ length: 6 }, () => register(shop, 'viewer')));
  const sockets = new Map<User, TestSocket>();
  for (const buyer of buyers) {
    sockets.set(buyer, await shop.socket(`/ws/notifications/${buyer.access}/`));
  }
  const visitor = new Visitor(shop, buyers[0] as User);
  const traffic = new Traffic([shop], bell.id);
  traffic.start(buyers);
  for (let round = 1; round <= 2; round += 1) {
    await traffic.progress(20);
    const pid = await postmasterPid(settings.DATA_DIR);
    process.kill(pid, 'SIGKILL');
    const began = Date.now();
    await within(1_000, async () => {
      assert.equal((await shop.call('GET /readyz')).status, 503);
    });
    assert.deepEqual((await shop.call('GET /healthz')).body, { status: 'ok' });
    await within(backAfterMs, async () => {
      assert.equal((await shop.call('GET /readyz')).status, 200);
    });
    await traffic.progress(1);
    const tookMs = Date.now() - began;
    t.diagnostic(`orders again after ${tookMs} ms, with ${traffic.orders} of them`);
    assert.ok(tookMs < backAfterMs, `${tookMs} ms`);
    assert.notEqual(await postmasterPid(settings.DATA_DIR), pid);
  }
  await traffic.progress(20);
  await traffic.stop();
  await visitor.stop();

  assert.deepEqual([...traffic.surprises, ...visitor.surprises], []);
  assert.equal(traffic.count('cut'), 0);
  assert.ok(traffic.count(503) > 0 && visitor.refusals > 0, 'nobody met the fault');
  await traffic.isKept(shop);
  await heardAll(sockets, shop);
  for (const socket of sockets.values()) await socket.close();
  const verified = await run(['verify'], settings);
  assert.deepEqual([verified.code, verified.stderr], [0, ''], verified.stdout);
});
