import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import {
  type Answer,
  type Json,
  openShop,
  type TestNode,
  type TestShop,
  type User,
} from '../harness.ts';
import { addToCart, ordered } from '../shopping.ts';
import { changedParts, takeSnapshot } from './snapshot.ts';

// What a page of another origin can do with a visitor's browser, and what a browser is told.

const allowed = ['https://shop.example', 'http://localhost:3000'];
const foreign = [
  'https://evil.example',
  'null',
  'https://shop.example.evil.example',
  'https://evil-shop.example',
  'http://shop.example',
  'https://shop.example:8443',
  'https://SHOP.example',
  'https://shop.example/',
];

let shop: TestShop;
let closed: TestNode;
let buyer: User;
before(async () => {
  shop = await openShop({ CORS_ORIGINS: allowed.join(',') });
  closed = await shop.node({ CORS_ORIGINS: '' });
  buyer = await shop.buyer();
});
after(() => shop.close());

const allowOrigin = ({ headers }: Answer) => headers.get('access-control-allow-origin');

/** A preflight, as a browser makes it before it sends a token. */
const preflight = (node: TestNode, origin: string, method = 'POST') =>
  node.call('OPTIONS /place-order/', {
    headers: {
      origin,
      'access-control-request-method': method,
      'access-control-request-headers': 'authorization,content-type,idempotency-key',
    },
  });

test('a page of an allowed origin may call, with the methods that there are', async () => {
  for (const origin of allowed) {
    const answer = await preflight(shop, origin);
    assert.deepEqual([answer.status, allowOrigin(answer)], [204, origin]);
    const { headers } = answer;
    const methods = headers.get('access-control-allow-methods')?.split(/, ?/).toSorted();
    assert.deepEqual(methods, ['DELETE', 'GET', 'HEAD', 'PATCH', 'POST']);
    assert.match(headers.get('vary') ?? '', /origin/i);
    assert.equal(headers.get('access-control-allow-credentials'), null, 'there are no cookies');
    for (const call of ['GET /cart/', 'GET /nothing/', 'PUT /cart/']) {
      const plain = await shop.call(call, { token: buyer.access, headers: { origin } });
      assert.equal(allowOrigin(plain), origin, `${call} ${plain.status}`);
    }
    assert.equal(allowOrigin(await shop.call('GET /cart/', { headers: { origin } })), origin);
  }
});

test('a page of any other origin may not, and reads nothing', async () => {
  for (const origin of foreign) {
    assert.equal(allowOrigin(await preflight(shop, origin)), null, origin);
    const answer = await shop.call('GET /cart/', { token: buyer.access, headers: { origin } });
    assert.equal(allowOrigin(answer), null, origin);
  }
});

test('without CORS_ORIGINS no page of another origin may', async () => {
  for (const origin of [...allowed, ...foreign]) {
    assert.equal(allowOrigin(await preflight(closed, origin)), null, origin);
    const answer = await closed.call('GET /cart/', { token: buyer.access, headers: { origin } });
    assert.equal(allowOrigin(answer), null, origin);
  }
});

test('a form on another page can do nothing: no cookie says who the visitor is', async () => {
  const types = ['application/x-www-form-urlencoded', 'text/plain', 'multipart/form-data'];
  const headers = { origin: 'https://evil.example', cookie: `access=${buyer.access}; token=x` };
  const routes = ['POST /place-order/', 'POST /cart/', 'POST /auth/logout/', 'POST /category/'];
  for (const route of routes) {
    for (const type of types) {
      const sent = { headers: { ...headers, 'content-type': type }, raw: '{"name":"x"}' };
      assert.equal((await shop.call(route, sent)).status, 401, `${route} ${type}`);
    }
  }
  const login = { email: buyer.email, password: buyer.password };
  for (const answer of [
    await shop.call('POST /auth/login/', { body: login, headers }),
    await shop.call('GET /docs'),
    await shop.call('GET /cart/', { token: buyer.access }),
  ]) {
    assert.equal(answer.headers.get('set-cookie'), null);
  }
});

test('no method that only reads changes anything', async () => {
  const seller = await shop.seller();
  const { id } = await shop.product(seller);
  const order_id = await ordered(shop, buyer, { product_id: id });
  await addToCart(shop, buyer, { product_id: id });
  const { body } = await shop.call('GET /openapi.json');
  const query = `product_id=${id}&order_id=${order_id}&quantity=2&status=shipped`;
  const before = await takeSnapshot(shop);
  for (const [path, routes] of Object.entries<Json>(body.paths)) {
    const expected = routes.get ? [200, 204, 403, 404, 405] : [204, 405];
    for (const method of ['GET', 'HEAD', 'OPTIONS']) {
      for (const { access: token } of [buyer, seller]) {
        const route = `${method} ${path.replace(/\{\w+\}/, id)}?${query}`;
        const { status } = await shop.call(route, { token });
        assert.ok(expected.includes(status), `${route} ${status}`);
      }
    }
  }
  assert.deepEqual(changedParts(before, await takeSnapshot(shop)), []);
});

test('TRACE repeats nothing', async () => {
  const { port } = new URL(shop.url);
  const headers = { authorization: `Bearer ${buyer.access}` };
  for (const path of ['/cart/', '/']) {
    const call = request({ host: '127.0.0.1', port, path, method: 'TRACE', headers }).end();
    const [answer] = (await once(call, 'response')) as [IncomingMessage];
    assert.ok([404, 405].includes(answer.statusCode ?? 0), `${path} ${answer.statusCode}`);
    assert.doesNotMatch(await text(answer), /eyJ/);
  }
});

test('the page at /docs runs, frames and sends nothing of elsewhere', async () => {
  const { headers } = await shop.call('GET /docs');
  const policy = headers.get('content-security-policy') ?? '';
  for (const rule of ['default-src', 'base-uri', 'form-action', 'frame-ancestors']) {
    assert.match(policy, new RegExp(`(?:^|; )${rule} 'none'(?:;|$)`));
  }
  assert.equal(headers.get('x-content-type-options'), 'nosniff');
  assert.equal(headers.get('referrer-policy'), 'no-referrer');
  assert.match(headers.get('strict-transport-security') ?? '', /max-age=31536000; includeSub/);
});

test('no answer of the API may be kept for others, framed, sniffed or run', async () => {
  const routes = ['GET /cart/', 'GET /list-product/', 'GET /nothing/', 'GET /metrics'];
  for (const route of [...routes, 'GET /openapi.json']) {
    const { headers } = await shop.call(route, { token: buyer.access });
    const isCatalog = route === 'GET /list-product/';
    const kept = isCatalog ? 'private, no-cache' : 'no-store';
    assert.equal(headers.get('cache-control'), kept, route);
    const policy = headers.get('content-security-policy') ?? '';
    assert.match(policy, /^default-src 'none'; base-uri 'none'.*sandbox$/, route);
    assert.doesNotMatch(headers.get('content-type') ?? '', /html|javascript/, route);
  }
});
