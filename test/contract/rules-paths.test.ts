import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openShop, type TestShop, type User } from '../harness.ts';
import { accountEndpoints, methodsByPath, shopEndpoints } from './rules-endpoints.ts';

let shop: TestShop;
let buyer: User;
let seller: User;
before(async () => {
  shop = await openShop();
  [buyer, seller] = [await shop.buyer(), await shop.seller()];
});
after(() => shop.close());

const tokenFor = (caller: string): string => (caller === 'seller' ? seller : buyer).access;
const unslashed = (path: string): string => path.slice(0, -1);

for (const { method, path, caller, empty } of shopEndpoints) {
  test(`${method} ${path} answers at the root and under /app, slash or not`, async () => {
    const places = [path, unslashed(path), `/app${path}`, `/app${unslashed(path)}`];
    for (const place of places) {
      const answer = await shop.call(`${method} ${place}`, { token: tokenFor(caller) });
      assert.deepEqual([answer.status, answer.body], empty, place);
      assert.equal(answer.headers.get('content-type'), 'application/json; charset=utf-8');
    }
    const withQuery = await shop.call(`${method} /app${unslashed(path)}?x=1`, {
      token: tokenFor(caller),
    });
    assert.deepEqual([withQuery.status, withQuery.body], empty);
  });
}

test('the paths of accounts stand at the root only, slash or not', async () => {
  for (const { path } of accountEndpoints) {
    for (const place of [path, unslashed(path)]) {
      const { access } = await shop.buyer();
      const found = await shop.call(`POST ${place}`, { token: access, body: {} });
      assert.ok([200, 400].includes(found.status), `${place}: ${found.status} ${found.text}`);
      const below = await shop.call(`POST /app${place}`, { token: access, body: {} });
      assert.deepEqual([below.status, below.body], [404, { detail: 'Not found.' }]);
    }
  }
});

test('a path that there is not is a 404 in JSON, with a token and without', async () => {
  const unknown = ['/', '/app', '/app/', '/nothing/', '/list-product/1/', '/app/app/cart/'];
  for (const path of [...unknown, '/__proto__/', '/constructor', '/../etc/passwd', '/%00/']) {
    for (const token of [undefined, buyer.access]) {
      for (const method of ['GET', 'POST', 'DELETE']) {
        const { status, body } = await shop.call(`${method} ${path}`, { token });
        assert.deepEqual([status, body], [404, { detail: 'Not found.' }], `${method} ${path}`);
      }
    }
  }
});

test('a path that cannot be decoded is a 4xx in JSON', async () => {
  for (const path of ['/%', '/%zz/', '/%ff/', '/list-product%/']) {
    const { status, body } = await shop.call(`GET ${path}`, { token: buyer.access });
    assert.ok(status === 400 || status === 404, `${path}: ${status}`);
    assert.deepEqual(Object.keys(body), ['detail']);
  }
});

for (const [path, { methods, caller }] of methodsByPath()) {
  test(`${path} refuses every other method and says which it allows`, async () => {
    for (const prefix of path.startsWith('/auth') ? [''] : ['', '/app']) {
      for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']) {
        if (methods.includes(method)) continue;
        const answer = await shop.call(`${method} ${prefix}${unslashed(path)}`, {
          token: tokenFor(caller),
        });
        assert.equal(answer.status, 405);
        if (method !== 'HEAD') {
          assert.deepEqual(answer.body, { detail: `Method "${method}" not allowed.` });
        }
        const allowed = answer.headers.get('allow')?.split(', ') ?? [];
        assert.deepEqual(allowed.toSorted(), [...methods, 'OPTIONS'].toSorted());
      }
    }
  });
}

test('a wrong method without a token is a 401 where a token is needed', async () => {
  for (const [path, { caller }] of methodsByPath()) {
    if (caller === 'anyone') continue;
    const { status, body } = await shop.call(`PUT ${path}`);
    const detail = 'Authentication credentials were not provided.';
    assert.deepEqual([status, body], [401, { detail }], path);
  }
});

test('a wrong method is a 405 for everyone where no token is needed', async () => {
  for (const { path, caller } of accountEndpoints) {
    if (caller !== 'anyone') continue;
    for (const token of [undefined, 'stale']) {
      const { status, body, headers } = await shop.call(`GET ${path}`, { token });
      assert.deepEqual([status, body], [405, { detail: 'Method "GET" not allowed.' }], path);
      assert.equal(headers.get('allow'), 'POST, OPTIONS');
    }
  }
});

test('HEAD works where GET does: the same head and no body', async () => {
  const readable = shopEndpoints.filter(({ method }) => method === 'GET');
  assert.equal(readable.length, 4);
  for (const { path } of readable) {
    for (const place of [path, `/app${unslashed(path)}`]) {
      const get = await shop.call(`GET ${place}`, { token: buyer.access });
      const head = await shop.call(`HEAD ${place}`, { token: buyer.access });
      assert.deepEqual([head.status, head.text], [200, '']);
      assert.equal(head.headers.get('content-type'), get.headers.get('content-type'));
      assert.equal(head.headers.get('content-length'), String(Buffer.byteLength(get.text)));
    }
    assert.equal((await shop.call(`HEAD ${path}`)).status, 401);
  }
});
