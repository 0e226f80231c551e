import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Answer, type CallOptions, openShop, type TestShop, type User } from '../harness.ts';

let shop: TestShop;
let seller: User;
before(async () => {
  shop = await openShop();
  seller = await shop.seller();
});
after(() => shop.close());

const securityHeaders = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-site',
  'strict-transport-security': 'max-age=31536000; includeSubDomains',
  'content-security-policy':
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox",
};

/** One answer of each kind. */
async function oneOfEach(): Promise<[status: number, answer: Answer][]> {
  const call = (route: string, options: CallOptions = {}) =>
    shop.call(route, { token: seller.access, ...options });
  const json = { 'content-type': 'application/json' };
  return [
    [200, await call('GET /list-product/')],
    [200, await call('HEAD /list-category/')],
    [201, await call('POST /category/', { body: { name: 'n', description: 'd' } })],
    [204, await call('OPTIONS /category/')],
    [400, await call('POST /category/', { body: {} })],
    [400, await call('POST /category/', { raw: '{', headers: json })],
    [401, await shop.call('GET /list-product/')],
    [403, await call('GET /cart/')],
    [404, await call('GET /nothing/')],
    [404, await call('GET /list-product/?page=9')],
    [405, await call('PUT /product/')],
    [413, await call('POST /category/', { raw: ' '.repeat(1024 * 1024 + 1), headers: json })],
    [415, await call('POST /category/', { raw: 'x', headers: { 'content-type': 'text/plain' } })],
  ];
}

test('every answer, of whatever status, carries the security headers', async () => {
  for (const [status, answer] of await oneOfEach()) {
    assert.equal(answer.status, status);
    for (const [name, value] of Object.entries(securityHeaders)) {
      assert.equal(answer.headers.get(name), value, `${name} of a ${status}`);
    }
    // Lists of the catalog are the same for all; whoever keeps one asks whether it is still true.
    const isList = answer.headers.has('etag');
    const kept = isList ? 'private, no-cache' : 'no-store';
    assert.equal(answer.headers.get('cache-control'), kept);
    for (const name of ['x-powered-by', 'server']) assert.equal(answer.headers.get(name), null);
  }
});

test('so does the refusal of a path that cannot be decoded', async () => {
  const { headers } = await shop.call('GET /%zz/');
  assert.equal(headers.get('x-content-type-options'), 'nosniff');
  assert.match(headers.get('x-request-id') ?? '', /^[\w-]{8,64}$/);
});

test('every answer has a request id of its own', async () => {
  const ids = (await oneOfEach()).map(([, { headers }]) => headers.get('x-request-id') ?? '');
  for (const id of ids) assert.match(id, /^[\w-]{8,64}$/);
  assert.equal(new Set(ids).size, ids.length);
});

test('a well-formed request id of the client comes back', async () => {
  for (const id of ['12345678', 'a1b2c3d4-e5f6_G7', 'x'.repeat(64)]) {
    const { headers } = await shop.call('GET /nothing/', { headers: { 'x-request-id': id } });
    assert.equal(headers.get('x-request-id'), id);
  }
});

test('a request id that is short, long or strange is replaced', async () => {
  for (const id of ['', '1234567', 'x'.repeat(65), 'has space', '<script>alert', 'a"b"c"d"e']) {
    const { headers } = await shop.call('GET /nothing/', { headers: { 'x-request-id': id } });
    const given = headers.get('x-request-id') ?? '';
    assert.notEqual(given, id);
    assert.match(given, /^[\w-]{8,64}$/);
  }
});

test('JSON answers say that they are UTF-8', async () => {
  for (const [status, { headers }] of await oneOfEach()) {
    if (status === 204) continue;
    assert.equal(headers.get('content-type'), 'application/json; charset=utf-8', `${status}`);
  }
});
