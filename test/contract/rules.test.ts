import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { after, before, test } from 'node:test';
import { type Json, openShop, type TestShop, type User } from '../harness.ts';
import { nobodysId } from '../shopping.ts';
import { allEndpoints, takesBody } from './rules-endpoints.ts';

let shop: TestShop;
let buyer: User;
let seller: User;
before(async () => {
  shop = await openShop();
  [buyer, seller] = [await shop.buyer(), await shop.seller()];
});
after(() => shop.close());

const json = { 'content-type': 'application/json' };
const mebibyte = 1024 * 1024;
const tooLarge = { detail: `Request body exceeds ${mebibyte} bytes.` };
const tokenFor = (caller: string): string => (caller === 'seller' ? seller : buyer).access;
const categories = async (): Promise<Json> =>
  (await shop.call('GET /list-category/', { token: seller.access })).body;

/** A JSON text of so many bytes that makes a category. */
function padded(bytes: number): string {
  const start = '{"name":"n","description":"d","padding":"';
  return `${start}${'x'.repeat(bytes - start.length - 2)}"}`;
}

test('keys that are nobody’s business have no effect', async () => {
  const id = nobodysId;
  const more = { id, created_by: buyer.id, is_staff: true, role: 'operator', archived_at: null };
  const made = await shop.call('POST /category/', {
    token: seller.access,
    body: { ...more, name: 'Mine', description: 'd' },
  });
  assert.equal(made.status, 201);
  assert.notEqual(made.body.id, id);
  const expected = { id: made.body.id, name: 'Mine', description: 'd', created_by: seller.id };
  assert.deepEqual(made.body, expected);

  const edited = await shop.call('PATCH /category/', {
    token: seller.access,
    body: { ...more, category_id: made.body.id },
  });
  assert.deepEqual([edited.status, edited.body], [200, expected]);

  const product = await shop.product(seller, { ...more, revision: 9, seller_id: buyer.id });
  assert.notEqual(product.id, id);
  const keys = ['id', 'name', 'description', 'price', 'stock', 'category'];
  assert.deepEqual(Object.keys(product), keys);
  const owned = await shop.call('PATCH /product/', {
    token: seller.access,
    body: { ...more, id: product.id, stock: 3 },
  });
  assert.deepEqual([owned.status, owned.body], [200, { ...product, stock: 3 }]);
});

test('registering with is_staff, an id or a role gives no power', async () => {
  const answer = await shop.call('POST /auth/register-user/', {
    body: {
      email: 'power@example.com',
      password: 'quiet river 9',
      user_type: 'creator',
      id: 1,
      is_staff: true,
      is_superuser: true,
      role: 'operator',
    },
  });
  assert.equal(answer.status, 201);
  assert.notEqual(answer.body.user.id, 1);
  const keys = ['id', 'email', 'username', 'phone_number', 'user_type'];
  assert.deepEqual(Object.keys(answer.body.user), keys);
  const { id } = await shop.category(seller);
  const edit = { token: answer.body.access, body: { category_id: id, name: 'Taken' } };
  assert.equal((await shop.call('PATCH /category/', edit)).status, 404);
});

test('__proto__ and constructor are unknown keys and lend no fields', async () => {
  const required = ['This field is required.'];
  for (const key of ['__proto__', 'constructor', 'prototype']) {
    const raw = `{"${key}":{"name":"n","description":"d"}}`;
    const bare = await shop.call('POST /category/', { token: seller.access, raw, headers: json });
    assert.deepEqual([bare.status, bare.body], [400, { name: required, description: required }]);
    const full = `{"${key}":{"isAdmin":true},"name":"n","description":"d"}`;
    const made = await shop.call('POST /category/', {
      token: seller.access,
      raw: full,
      headers: json,
    });
    assert.equal(made.status, 201);
  }
  assert.equal(({} as Json).isAdmin, undefined);
});

test('a body of one mebibyte is read, and one of a byte more refused', async () => {
  const count = (await categories()).length;
  for (const [bytes, status] of [
    [mebibyte, 201],
    [mebibyte + 1, 413],
    [5_000_000, 413],
  ] as const) {
    const raw = padded(bytes);
    const answer = await shop.call('POST /category/', {
      token: seller.access,
      raw,
      headers: json,
    });
    assert.equal(answer.status, status, `${bytes} bytes`);
    if (status === 413) assert.deepEqual(answer.body, tooLarge);
  }
  assert.equal((await categories()).length, count + 1);
});

test('the bound holds for forms, multipart bodies and whatever comes in chunks', async () => {
  const types = ['application/x-www-form-urlencoded', 'multipart/form-data; boundary=b'];
  for (const type of types) {
    const { status, body } = await shop.call('POST /category/', {
      token: seller.access,
      raw: 'x'.repeat(mebibyte + 1),
      headers: { 'content-type': type },
    });
    assert.deepEqual([status, body], [413, tooLarge], type);
  }
  for (const type of ['application/json', types[0]]) {
    assert.equal(await sendInChunks(type ?? '', 2 * mebibyte), 413, type);
  }
});

/** Sends without a Content-Length until the shop answers; the status. */
async function sendInChunks(type: string, bytes: number): Promise<number | undefined> {
  const headers = { authorization: `Bearer ${seller.access}`, 'content-type': type };
  const sending = request(`${shop.url}/category/`, { method: 'POST', headers });
  sending.on('error', () => undefined); // the shop may hang up while the rest is on its way
  const answered = once(sending, 'response') as Promise<[IncomingMessage]>;
  const chunk = Buffer.alloc(64 * 1024, 'x');
  for (let sent = 0; sent < bytes; sent += chunk.length) sending.write(chunk);
  const [answer] = await answered;
  sending.destroy();
  return answer.statusCode;
}

const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);

test('100,000 nested arrays are a 4xx wherever they stand', async () => {
  const deep = nested(100_000);
  const fields = ['name', 'price', 'stock', 'email', 'password', 'user_type', 'refresh', 'status'];
  const ids = ['id', 'category_id', 'product_id', 'order_id', 'products', 'quantity'];
  const bodies = [deep, ...[...fields, ...ids].map((field) => `{"${field}":${deep}}`)];
  bodies.push(`{"products":[${deep}]}`, `{"products":[{"product_id":${deep}}]}`);
  const others: string[] = [];
  for (const { method, path, caller } of allEndpoints.filter(takesBody)) {
    if (path === '/auth/ws-ticket/') continue; // reads no body
    for (const raw of bodies) {
      if (path === '/auth/logout/' && !/^(\[|.{2}refresh)/.test(raw)) continue; // would log out
      const answer = await shop.call(`${method} ${path}`, {
        token: tokenFor(caller),
        raw,
        headers: json,
      });
      const isRefused = answer.status >= 400 && answer.status < 500;
      if (isRefused && answer.body !== undefined) continue;
      others.push(`${method} ${path} ${raw.slice(0, 30)}: ${answer.status}`);
    }
  }
  assert.deepEqual(others, []);
});

test('a NUL or a lone surrogate in any text is a 4xx', async () => {
  const { id } = await shop.product(seller);
  const texts: [route: string, body: Json, fields: string[]][] = [
    ['POST /category/', { name: 'n', description: 'd' }, ['name', 'description']],
    ['PATCH /product/', { id, name: 'n', description: 'd' }, ['id', 'name', 'description']],
    ['POST /auth/register-user/', registration, Object.keys(registration)],
    ['POST /auth/login/', { email: seller.email, password: 'x' }, ['email', 'password']],
    ['POST /auth/get-access-token/', {}, ['refresh']],
    ['PATCH /update-order-status/', { order_id: id, status: 'shipped' }, ['order_id', 'status']],
  ];
  for (const [route, body, fields] of texts) {
    for (const field of fields) {
      for (const text of ['a\0b', '\ud800', 'a\udc00b', '\u{0}']) {
        const sent = { ...body, [field]: text };
        const { status } = await shop.call(route, { token: seller.access, body: sent });
        const where = `${route} ${field} ${JSON.stringify(text)}: ${status}`;
        assert.ok(status === 400 || status === 404, where);
      }
    }
  }
  for (const product_id of ['\0', '\ud800']) {
    const cart = await shop.call('POST /cart/', { token: buyer.access, body: { product_id } });
    assert.equal(cart.status, 404);
  }
});
const registration = {
  email: 'nul@example.com',
  password: 'quiet river 9',
  user_type: 'viewer',
  name: 'n',
  username: 'u',
  phone_number: '1',
};

test('NUL and broken escapes in a query are no crash', async () => {
  for (const value of ['%00', 'a%00b', '%ED%A0%80', '%ff', '%', '%u0000']) {
    for (const name of ['search', 'category', 'price_min', 'in_stock', 'ordering', 'page_size']) {
      const route = `GET /list-product/?${name}=${value}`;
      assert.equal((await shop.call(route, { token: buyer.access })).status, 200, route);
    }
    for (const route of ['/list-product/?page=', '/list-user-order/?page=']) {
      const { status, body } = await shop.call(`GET ${route}${value}`, { token: buyer.access });
      assert.deepEqual([status, body], [404, { detail: 'Invalid page.' }], route + value);
    }
    for (const route of ['DELETE /delete-product/?id=', 'DELETE /delete-category/?id=']) {
      assert.equal((await shop.call(route + value, { token: seller.access })).status, 404);
    }
  }
});
