import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { sql } from '../../src/kernel/db.ts';
import type { CallOptions, Json } from '../harness.ts';
import { nobodysId } from '../shopping.ts';
import { World } from './route-world.ts';
import { type Write, writes } from './write-table.ts';
import { allRows, changedParts, newRows, plain, takeSnapshot } from './snapshot.ts';

// Whatever a client adds to a body, the effect is that of the body without it: the same answer and
// the same rows, but for ids and times. What is added: every column of every table that the
// route's document does not name, and what other frameworks understand.

let world: World;
let document: Json;
let columns: { name: string; type: string }[];
before(async () => {
  world = await World.open();
  document = (await world.shop.call('GET /openapi.json')).body;
  columns = await world.shop.context.db.rows(sql`
    SELECT DISTINCT column_name::text AS name, data_type::text AS type
    FROM information_schema.columns WHERE table_schema = 'public'`);
});
after(async () => {
  assert.deepEqual(await world.shop.violations(), []);
  await world.shop.close();
});

/** They take no field that could be anything else's. */
const withoutFields = ['POST /auth/logout/', 'POST /auth/ws-ticket/'];

test('each route of the document that takes a body is here', () => {
  const routes = Object.entries<Json>(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  const writing = routes.filter((route) => /^(?:POST|PATCH|PUT) /.test(route));
  const known = [...writes.map(({ route }) => route), ...withoutFields];
  assert.deepEqual(known.toSorted(), writing.toSorted());
});

/** What a client may send, by the document: those names are not added. */
function documentedFields(route: string): string[] {
  const [method = '', path = ''] = route.split(' ');
  const { requestBody } = document.paths[path][method.toLowerCase()];
  return Object.keys(requestBody.content['application/json'].schema.properties);
}

const others = `is_staff is_superuser is_admin is_operator isOperator isAdmin admin operator staff
  superuser owner owner_id ownerId seller sellerId buyer buyerId userId user created_by createdBy
  permissions groups scopes total totalPrice total_price total_price_minor price_minor priceMinor
  unit_price balance discount verified email_verified is_active active userType account_type
  sub iss token access sessionId expiresAt createdAt updated_at archivedAt deleted_at in_stock
  reserved sold confirmed paid shippedAt _id pk uuid $set $where toString valueOf hasOwnProperty
  constructor prototype`.split(/\s+/);

const samples: Record<string, unknown> = {
  integer: 1, // the id of the first user of all
  smallint: 7,
  bigint: 123_456,
  uuid: nobodysId,
  bytea: '\\xdeadbeef',
  'timestamp with time zone': '1999-09-09T09:09:09Z',
};

/** Values that would do the most harm, were they believed. */
function valueOf(name: string, type: string): unknown {
  if (/role|user_?type|account_type/i.test(name)) return 'operator';
  if (name === 'status') return 'delivered';
  if (/owner|seller|buyer|created_?by|user_?id|^user$|^sub$/i.test(name)) {
    return world.userOf('otherSeller')?.id;
  }
  if (/^(?:is|admin|operator|staff|verified|paid)/i.test(name)) return true;
  if (name === 'constructor' || name === 'prototype') return { prototype: { role: 'operator' } };
  return samples[type] ?? 'Assigned';
}

/** The text of the body with all that is added; `__proto__` only stays a key in text. */
function swollen(route: string, body: Record<string, unknown>): string {
  const documented = documentedFields(route);
  const added = [...columns, ...others.map((name) => ({ name, type: '' }))]
    .filter(({ name }) => !documented.includes(name) && !(name in body))
    .map(({ name, type }): [string, unknown] => [name, valueOf(name, type)]);
  assert.ok(added.length > 90, `${added.length} fields`);
  const harm = Object.fromEntries(added);
  const line = Array.isArray(body['products'])
    ? { products: body['products'].map((one: object) => ({ ...harm, ...one })) }
    : {};
  const whole = JSON.stringify({ ...harm, ...body, ...line });
  return `{"__proto__":${JSON.stringify(harm)},${whole.slice(1)}`;
}

/** A call's answer and the rows it wrote. */
async function effectOf(write: Write, options: CallOptions): Promise<object> {
  const { shop } = world;
  const token = world.userOf(write.caller)?.access;
  if (write.route.endsWith('/cart/')) await shop.call('DELETE /cart/', { token });
  const before = await allRows(shop);
  const answer = await shop.call(write.route, { ...options, token });
  assert.equal(answer.status, write.status, `${write.route} ${answer.text}`);
  const effect = [plain(answer.text), ...newRows(before, await allRows(shop))];
  if (!write.route.includes('register')) return effect;
  // Each new user has another number.
  const id = new RegExp(`("(?:user_)?id": ?)${answer.body.user.id}\\b`, 'g');
  return effect.map((text) => text.replace(id, '$1NEW'));
}

for (const write of writes) {
  test(`${write.route} heeds no field that is not its own`, async () => {
    const make = async () => write.body((await world.own(write.kind, write.caller)).id, world);
    const expected = await effectOf(write, { body: await make() });
    const raw = swollen(write.route, await make());
    const headers = { 'content-type': 'application/json' };
    assert.deepEqual(await effectOf(write, { raw, headers }), expected);
    assert.equal('role' in {}, false, 'the prototype of all objects is as it was');
  });
}

const harm = ['role', 'is_staff', 'id', 'created_at', 'constructor', '__proto__'].flatMap(
  (name) => [
    name,
    `__proto__[${name}]`,
    `user[${name}]`,
    `__proto__.${name}`,
    `constructor[prototype][${name}]`,
  ],
);

test('nor does registration in the other forms of a body', async () => {
  const write = writes[0];
  assert.ok(write);
  const expected = await effectOf(write, { body: write.body('', world) });
  const fields = (): [string, string][] => [
    ...harm.map((name): [string, string] => [name, 'operator']),
    ...Object.entries(write.body('', world)).map(([name, value]): [string, string] => [
      name,
      String(value),
    ]),
  ];
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  const raw = new URLSearchParams(fields()).toString();
  assert.deepEqual(await effectOf(write, { raw, headers }), expected);

  const parts = (given: string[][]): CallOptions => ({
    headers: { 'content-type': 'multipart/form-data; boundary=edge' },
    raw: `${given
      .map(
        ([name, value]) =>
          `--edge\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
      )
      .join('')}--edge--\r\n`,
  });
  const before = await takeSnapshot(world.shop);
  const refusal = await world.shop.call(write.route, parts(fields()));
  assert.equal(refusal.status, 400, 'a part named like what every object has');
  assert.deepEqual(changedParts(before, await takeSnapshot(world.shop)), []);
  const others = fields().filter(([name]) => !(name in {}));
  assert.deepEqual(await effectOf(write, parts(others)), expected);
});
