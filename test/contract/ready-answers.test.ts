import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { after, before, beforeEach, test } from 'node:test';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { type Json, openShop, type TestNode, type TestShop, type User } from '../harness.ts';
import { times, within } from '../shopping.ts';

// Lists that were answered once are answered again before the router, for as long as they are true.

let shop: TestShop;
let seller: User;
let buyer: User;
let bell: Json;
before(async () => {
  shop = await openShop();
  [seller, buyer] = [await shop.seller(), await shop.buyer()];
  bell = await shop.product(seller, { name: 'Bell', stock: 100 });
  for (const n of times(9, (index) => index)) {
    await shop.product(seller, { name: `Bell ${n}`, description: 'It rings. '.repeat(20) });
  }
});
after(() => shop.close());

const lists = ['/list-product/', '/app/list-product/?page=1&in_stock=true', '/list-category/'];

interface Bytes {
  status: number;
  headers: Record<string, unknown>;
  body: Buffer;
}

/** What comes over the wire, compressed or not. */
async function get(
  path: string,
  headers: Record<string, string> = {},
  from: TestNode = shop,
): Promise<Bytes> {
  const authorization = `Bearer ${buyer.access}`;
  const call = request(from.url + path, { headers: { authorization, ...headers }, agent: false });
  const [answer] = (await once(call.end(), 'response')) as [IncomingMessage];
  const { statusCode: status = 0, headers: got } = answer;
  return { status, headers: got, body: await buffer(answer) };
}

/** How many answers went out before the router. */
async function readyCount(): Promise<number> {
  const { values } = await shop.context.metrics.readyAnswers.get();
  return values[0]?.value ?? 0;
}

/** Asks until the answer comes from before the router; a look at the database may be between. */
async function getReady(path: string, headers: Record<string, string> = {}): Promise<Bytes> {
  let answer: Bytes | undefined;
  await within(5_000, async () => {
    const count = await readyCount();
    answer = await get(path, headers);
    assert.equal(await readyCount(), count + 1, `${path} went to the router`);
  });
  return answer as Bytes;
}

beforeEach(async () => {
  const edit = { id: bell.id, description: `It rings ${Math.random()}` };
  await shop.call('PATCH /product/', { token: seller.access, body: edit });
});

const withoutItsOwn = ({ status, headers, body }: Bytes) => {
  const { date, 'x-request-id': id, ...rest } = headers;
  assert.ok(date && /^[\w-]{8,64}$/.test(String(id)));
  return { status, headers: rest, text: body.toString() };
};

test('the second answer is the first one again, under another request id', async () => {
  for (const path of lists) {
    const first = await get(path);
    const second = await getReady(path);
    assert.deepEqual(withoutItsOwn(second), withoutItsOwn(first));
    assert.notEqual(second.headers['x-request-id'], first.headers['x-request-id']);
    const named = await getReady(path, { 'x-request-id': 'mine-1234' });
    assert.equal(named.headers['x-request-id'], 'mine-1234');
  }
});

test('who has the answer of this tag is told that nothing has changed', async () => {
  for (const path of lists) {
    const { headers } = await get(path);
    const tag = String(headers['etag']);
    assert.match(tag, /^W\/"[\w-]{27}"$/);
    assert.equal(headers['cache-control'], 'private, no-cache');
    for (const known of [tag, `"other", ${tag.slice(2)}`, '*']) {
      for (const ask of [get, getReady]) {
        const { status, body, headers: again } = await ask(path, { 'if-none-match': known });
        assert.deepEqual([status, body.length, again['etag']], [304, 0, tag]);
        assert.equal(again['content-length'], undefined);
        assert.equal(again['x-content-type-options'], 'nosniff');
      }
    }
    const { status } = await getReady(path, { 'if-none-match': '"other", W/"x"' });
    assert.equal(status, 200);
  }
});

test('a change makes another tag', async () => {
  const before = await get('/list-product/');
  const body = { products: [{ product_id: bell.id }] };
  assert.equal((await shop.call('POST /place-order/', { token: buyer.access, body })).status, 201);
  const known = { 'if-none-match': String(before.headers['etag']) };
  const { status, headers } = await get('/list-product/', known);
  assert.equal(status, 200);
  assert.notEqual(headers['etag'], before.headers['etag']);
});

test('it comes compressed as the client wants it, and as it is otherwise', async () => {
  const path = '/list-product/';
  const plain = await get(path);
  const kinds: [accepted: string, coding: string | undefined][] = [
    ['gzip', 'gzip'],
    ['br', 'br'],
    ['gzip, deflate, br, zstd', 'br'],
    ['GZIP;q=1.0, br;q=0.5', 'gzip'],
    ['br;q=0, gzip;q=0.1', 'gzip'],
    ['gzip;q=0', undefined],
    ['deflate, zstd', undefined],
    ['identity', undefined],
    ['', undefined],
  ];
  const unpack = { gzip: gunzipSync, br: brotliDecompressSync };
  for (const [accepted, coding] of kinds) {
    for (const ask of [get, getReady]) {
      const { headers, body } = await ask(path, { 'accept-encoding': accepted });
      assert.equal(headers['content-encoding'], coding, accepted);
      assert.equal(headers['content-length'], String(body.length));
      assert.match(String(headers['vary']), /accept-encoding/);
      const text = coding ? unpack[coding as keyof typeof unpack](body) : body;
      assert.equal(text.toString(), plain.body.toString());
      if (coding) assert.ok(body.length < plain.body.length / 2);
    }
  }
});

test('after a change all who ask at once get it before the router, compressed too', async () => {
  for (const accepted of ['identity', 'gzip', 'br']) {
    const headers = { 'accept-encoding': accepted };
    await getReady('/list-product/', headers);
    const edit = { id: bell.id, description: `It rings ${accepted}` };
    await shop.call('PATCH /product/', { token: seller.access, body: edit });
    const count = await readyCount();
    const answers = await Promise.all(times(30, () => get('/list-product/', headers)));
    assert.equal(await readyCount(), count + 30, accepted);
    assert.equal(new Set(answers.map(({ body }) => body.toString('base64'))).size, 1);
  }
});

test('a short list is not worth compressing', async () => {
  const { headers } = await get('/list-product/?search=nothing', { 'accept-encoding': 'gzip' });
  assert.equal(headers['content-encoding'], undefined);
});

test('nobody gets it whom the router would refuse', async () => {
  await getReady('/list-product/');
  const stranger = await shop.buyer();
  await get('/list-product/', { authorization: `Bearer ${stranger.access}` });
  const bye = { token: stranger.access, body: { refresh: stranger.refresh } };
  assert.equal((await shop.call('POST /auth/logout/', bye)).status, 200);
  const count = await readyCount();
  for (const authorization of [
    '',
    'Bearer',
    `Bearer ${buyer.refresh}`,
    `Bearer ${buyer.access} x`,
    `Bearer ${buyer.access}x`,
    `Bearer ${stranger.access}`,
  ]) {
    for (const time of ['first', 'second']) {
      // verified by the first, it is known to the second
      const { status } = await get('/list-product/', { authorization });
      assert.equal(status, 401, `${authorization.slice(-20)}, the ${time} time`);
    }
  }
  assert.equal(await readyCount(), count);
});

test('a body, another method and a bent request go to the router', async () => {
  await getReady('/list-product/');
  const count = await readyCount();
  assert.equal((await get('/list-product/', { 'content-length': '0' })).status, 200);
  assert.equal((await get('/list-product/', { host: 'a b' })).status, 400);
  const { status } = await shop.call('POST /list-product/', { token: buyer.access });
  assert.equal(status, 405);
  const head = await shop.call('HEAD /list-product/', { token: buyer.access });
  assert.deepEqual([head.status, head.text], [200, '']);
  assert.equal(await readyCount(), count);
});

test('another origin gets its headers, with or without a ready answer', async () => {
  const node = await shop.node({ CORS_ORIGINS: 'https://shop.example' });
  for (const origin of [undefined, 'https://shop.example', 'https://evil.example']) {
    for (const _ of [1, 2]) {
      const { headers } = await get('/list-product/', origin ? { origin } : {}, node);
      const allowed = headers['access-control-allow-origin'];
      assert.equal(allowed, origin === 'https://shop.example' ? origin : undefined);
      assert.match(String(headers['vary']), /origin/i);
    }
  }
});

test('it is true: at once here, and within a second where no hint arrives', async () => {
  const other = await shop.node({ REDIS_URL: '' });
  const names = async (node: TestNode, path: string): Promise<string[]> => {
    const { body } = await get(path, {}, node);
    const list = JSON.parse(body.toString());
    return (list.results ?? list).map(({ name }: Json) => name);
  };
  for (const round of times(5, (index) => index)) {
    for (const node of [shop, other]) for (const path of lists) await get(path, {}, node);
    const name = `Gong ${round}`;
    await shop.call('PATCH /product/', { token: seller.access, body: { id: bell.id, name } });
    const category = { category_id: bell.category.id, name };
    await shop.call('PATCH /category/', { token: seller.access, body: category });
    for (const path of lists) {
      assert.ok((await names(shop, path)).includes(name), path);
      await within(1_000, async () => assert.ok((await names(other, path)).includes(name)));
    }
  }
});
