import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Json, openShop, type TestShop, type User } from '../harness.ts';
import { everything, ordered, times } from '../shopping.ts';

// What the old system was measured to do wrong, row by row. Covered elsewhere:
//   a refused order left half of itself         contract/place-order-refusals.test.ts
//   concurrent orders oversold                  races/last-units.test.ts
//   quantity 0 and fractions                    contract/{cart,place-order}-refusals.test.ts
//   deletes erased the lines of past orders     contract/list-orders.test.ts
//   lists of another node were stale            journeys/two-nodes.test.ts
//   any seller moved any order                  contract/order-status.test.ts
//   a refresh token opened a socket             contract/notifications-handshake.test.ts
//   tokens were printed to the log              contract/old-system-log.test.ts

let shop: TestShop;
let seller: User;
let buyer: User;
let bell: Json;
before(async () => {
  shop = await openShop({}, { patient: true }); // the last test queues up at one seller’s stream
  [seller, buyer] = [await shop.seller(), await shop.buyer()];
  bell = await shop.product(seller, { stock: 10_000 });
});
after(() => shop.close());

/** Every call that writes, as what works; each is made worse below. */
const writes = (): [string, User, Record<string, unknown>][] => [
  ['POST /category/', seller, { name: 'n', description: 'd' }],
  ['PATCH /category/', seller, { category_id: bell.category.id, name: 'n', description: 'd' }],
  ['POST /product/', seller, { ...product(), category_id: bell.category.id }],
  ['PATCH /product/', seller, { id: bell.id, ...product(), category_id: bell.category.id }],
  ['POST /cart/', buyer, { product_id: bell.id, quantity: 1 }],
  ['PATCH /cart/', buyer, { product_id: bell.id, quantity: 1 }],
  ['POST /place-order/', buyer, { products: [{ product_id: bell.id, quantity: 1 }] }],
  ['PATCH /update-order-status/', seller, { order_id: bell.id, status: 'shipped' }],
  ['POST /auth/register-user/', buyer, { ...account(), user_type: 'viewer' }],
  ['POST /auth/login/', buyer, { email: buyer.email, password: 'wrong' }],
  ['POST /auth/get-access-token/', buyer, { refresh: 'x' }],
  ['POST /auth/logout/', buyer, { refresh: 'x' }],
];
const product = () => ({ name: 'n', description: 'd', price: 1, stock: 10_000 });
const account = () => ({ email: 'someone@example.com', password: 'correct horse battery' });

type Request = [route: string, user: User, raw: string];

/** Each is answered, with JSON, as a mistake of the client, and nothing changed. */
async function refuseAll(requests: Request[]): Promise<void> {
  const before = await everything(shop);
  const wrong: string[] = [];
  for (const [route, user, raw] of requests) {
    const headers = { 'content-type': 'application/json' };
    const { status, body } = await shop.call(route, { token: user.access, headers, raw });
    const isRefused = status >= 400 && status < 500 && typeof body === 'object';
    if (!isRefused) wrong.push(`${status}: ${route} ${raw.slice(0, 120)}`);
  }
  assert.deepEqual(wrong, []);
  assert.deepEqual(await everything(shop), before);
}

const deep = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);

test('a body of any other kind than an object is refused, however deep', () =>
  refuseAll(
    writes().flatMap(([route, user, good]) => {
      const text = JSON.stringify(good);
      const bad = [`[${text}]`, '[]', '"text"', '5', 'true', deep(100_000), text.slice(0, -1)];
      return bad.map((raw): Request => [route, user, raw]);
    }),
  ));

test('a field with a NUL, of the wrong kind or too deep is refused', () =>
  refuseAll(
    writes().flatMap(([route, user, good]) =>
      Object.keys(good).flatMap((field) => {
        const others = Object.entries(good).filter(([name]) => name !== field);
        const start = others.map(([name, value]) => `"${name}":${JSON.stringify(value)},`).join('');
        const bad = ['"a\\u0000b"', '{}', '{"a":1}', 'true', deep(10), deep(100_000)];
        return bad.map((value): Request => [route, user, `{${start}"${field}":${value}}`]);
      }),
    ),
  ));

test('a product id or quantity inside an order may be as odd', () =>
  refuseAll(
    ['"\\u0000"', '{}', '[]', 'true', 'NaN', '1e999', deep(10), deep(100_000)].flatMap((value) =>
      [`"product_id":"${bell.id}","quantity":${value}`, `"product_id":${value}`].map(
        (line): Request => ['POST /place-order/', buyer, `{"products":[{${line}}]}`],
      ),
    ),
  ));

for (const id of ['abc', '123', '%00', '0193a5b2-7c1e-7a44-9d3e', "';--", 'a'.repeat(5_000)]) {
  test(`the malformed id ${id.slice(0, 30)} in a query is not found`, async () => {
    const before = await everything(shop);
    for (const [route, user, status] of [
      ['DELETE /delete-product/?id=', seller, 404],
      ['DELETE /delete-category/?id=', seller, 404],
      ['DELETE /cart/?product_id=', buyer, 404],
      ['GET /list-user-order/?page=', buyer, 404],
      ['GET /list-product/?page=', buyer, 404],
      ['GET /list-product/?search=', buyer, 200],
      ['GET /list-product/?category=', buyer, 200],
    ] as const) {
      const answer = await shop.call(`${route}${id}`, { token: user.access });
      assert.equal(answer.status, status, `${route}${id}: ${answer.text}`);
      assert.equal(typeof answer.body, 'object');
    }
    assert.deepEqual(await everything(shop), before);
  });
}

for (const [field, value, message] of [
  ['price', -0.01, 'Ensure this value is greater than or equal to 0.'],
  ['price', 'NaN', 'A valid number is required.'],
  ['price', 'Infinity', 'A valid number is required.'],
  ['price', 0.001, 'Ensure that there are no more than 2 decimal places.'],
  ['stock', -1, 'Ensure this value is greater than or equal to 0.'],
  ['stock', 1.5, 'A valid integer is required.'],
  ['category_id', 'abc', 'Must be a valid UUID.'],
  [
    'category_id',
    '0193a5b2-7c1e-7a44-9d3e-5f1b2c3d4e5f',
    'Invalid pk "0193a5b2-7c1e-7a44-9d3e-5f1b2c3d4e5f" - object does not exist.',
  ],
] as const) {
  test(`a product with a ${field} of ${value} is refused`, async () => {
    const before = await everything(shop);
    const good = { ...product(), category_id: bell.category.id };
    for (const [route, body] of [
      ['POST /product/', { ...good, [field]: value }],
      ['PATCH /product/', { id: bell.id, [field]: value }],
    ] as const) {
      const answer = await shop.call(route, { token: seller.access, body });
      assert.deepEqual([answer.status, answer.body], [400, { [field]: [message] }]);
    }
    assert.deepEqual(await everything(shop), before);
  });
}

test('a body above 1 MiB is refused with 413, one just below is read', async () => {
  const before = await everything(shop);
  const post = (length: number) =>
    shop.call('POST /category/', {
      token: seller.access,
      headers: { 'content-type': 'application/json' },
      raw: ' '.repeat(length - 2).concat('{}'),
    });
  for (const length of [1024 * 1024 + 1, 5_000_000]) {
    const answer = await post(length);
    assert.equal(answer.status, 413);
    assert.deepEqual(answer.body, { detail: 'Request body exceeds 1048576 bytes.' });
  }
  const largest = await post(1024 * 1024);
  assert.deepEqual(largest.body, {
    name: ['This field is required.'],
    description: ['This field is required.'],
  });
  assert.deepEqual(await everything(shop), before);
});

test('a list shows a write at once', async () => {
  const names = async () => {
    const { body } = await shop.call('GET /list-product/?page=last', { token: buyer.access });
    return body.results.map(({ name, stock }: Json) => `${name} ${stock}`);
  };
  await names();
  const lamp = await shop.product(seller, { name: 'Lamp', stock: 3 });
  assert.ok((await names()).includes('Lamp 3'));
  await ordered(shop, buyer, { product_id: lamp.id });
  assert.ok((await names()).includes('Lamp 2'));
  const edit = { id: lamp.id, name: 'Green lamp' };
  await shop.call('PATCH /product/', { token: seller.access, body: edit });
  assert.ok((await names()).includes('Green lamp 2'));
  await shop.call(`DELETE /delete-product/?id=${lamp.id}`, { token: seller.access });
  assert.ok(!(await names()).includes('Green lamp 2'));
});

test('under load every notification is delivered', async () => {
  const buyers = await Promise.all(times(15, () => shop.buyer()));
  const sockets = await Promise.all(
    buyers.map(({ access }) => shop.socket(`/ws/notifications/${access}/?after=0`)),
  );
  await Promise.all(
    times(450, async (index) => {
      const id = await ordered(shop, buyers[index % 15] as User, { product_id: bell.id });
      const body = { order_id: id, status: 'shipped' };
      await shop.call('PATCH /update-order-status/', { token: seller.access, body });
    }),
  );
  for (const socket of sockets) {
    const messages = await socket.receive(60);
    assert.deepEqual(
      messages.map(({ offset }) => offset),
      times(60, (index) => index + 1),
    );
    await socket.close();
  }
  assert.deepEqual(await shop.violations(), []);
});
