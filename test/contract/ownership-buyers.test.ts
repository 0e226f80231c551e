import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Json, openShop, type TestShop, type User } from '../harness.ts';

let shop: TestShop;
let operator: User;
let sellers: [User, User];
let buyers: [User, User];
let products: [Json, Json];

before(async () => {
  shop = await openShop();
  operator = await shop.operator();
  sellers = [await shop.seller(), await shop.seller()];
  buyers = [await shop.buyer(), await shop.buyer()];
  products = [await shop.product(sellers[0]), await shop.product(sellers[1])];
});
after(async () => {
  assert.deepEqual(await shop.violations(), []);
  await shop.close();
});

const call = async (route: string, user: User, body?: unknown): Promise<[number, Json]> => {
  const answer = await shop.call(route, { token: user.access, body });
  return [answer.status, answer.body];
};
const order = async (by: User, ...ordered: Json[]): Promise<string[]> => {
  const lines = ordered.map(({ id }) => ({ product_id: id, quantity: 1 }));
  const [status, body] = await call('POST /place-order/', by, { products: lines });
  assert.equal(status, 201);
  return body.order_ids;
};
const ordersOf = async (user: User): Promise<Json[]> =>
  (await call('GET /list-user-order/?page_size=100', user))[1].results;
const idsOf = async (user: User): Promise<string[]> => (await ordersOf(user)).map(({ id }) => id);
const move = (id: string, status: string, user: User) =>
  call('PATCH /update-order-status/', user, { order_id: id, status });

const notFound = [404, { error: 'Order not found' }];

test('each buyer sees the own orders and no others', async () => {
  const [first, second] = [
    await order(buyers[0], products[0]),
    await order(buyers[1], products[0]),
  ];
  assert.deepEqual(await idsOf(buyers[0]), first);
  assert.deepEqual(await idsOf(buyers[1]), second);
  for (const query of [`?user=${buyers[1].id}`, `?buyer_id=${buyers[1].id}`, `?id=${second[0]}`]) {
    const [, page] = await call(`GET /list-user-order/${query}`, buyers[0]);
    assert.deepEqual(
      page.results.map(({ id }: Json) => id),
      first,
    );
  }
});

test('each buyer has a cart of the own', async () => {
  await call('POST /cart/', buyers[0], { product_id: products[0].id, quantity: 3 });
  const [, first] = await call('GET /cart/', buyers[0]);
  const empty = { items: [], total_items: 0, total_price: 0 };
  assert.deepEqual(await call('GET /cart/', buyers[1]), [200, empty]);
  assert.deepEqual(await call(`GET /cart/?user=${buyers[0].id}`, buyers[1]), [200, empty]);
  await call('DELETE /cart/', buyers[1]);
  await call(`DELETE /cart/?product_id=${products[0].id}`, buyers[1]);
  const emptyOrder = await call('POST /place-order/', buyers[1]);
  assert.deepEqual(emptyOrder, [400, { error: 'No products provided' }]);
  assert.deepEqual(await call('GET /cart/', buyers[0]), [200, first]);
  await call('DELETE /cart/', buyers[0]);
});

test('of an order over two sellers each moves only the own part', async () => {
  const placed = await order(buyers[0], ...products);
  const parts = products.map(async ({ id }) => {
    const orders = (await ordersOf(buyers[0])).filter((one) => placed.includes(one.id));
    return orders.find(({ items }) => items[0].product.id === id)?.id;
  });
  const [first, second] = await Promise.all(parts);
  const statuses = async (): Promise<string[]> => {
    const orders = await ordersOf(buyers[0]);
    return [first, second].map((id) => orders.find((one) => one.id === id)?.status);
  };
  assert.deepEqual(new Set([first, second]), new Set(placed));
  assert.deepEqual(await move(first, 'shipped', sellers[1]), notFound);
  assert.deepEqual(await move(second, 'shipped', sellers[0]), notFound);
  assert.deepEqual(await statuses(), ['pending', 'pending']);
  assert.equal((await move(first, 'shipped', sellers[0]))[0], 200);
  assert.deepEqual(await statuses(), ['shipped', 'pending']);
  assert.equal((await move(second, 'shipped', sellers[1]))[0], 200);
  assert.deepEqual(await statuses(), ['shipped', 'shipped']);
});

test('a foreign order tells nothing of its status', async () => {
  const [id = ''] = await order(buyers[0], products[0]);
  const tryAll = async (): Promise<void> => {
    for (const status of ['pending', 'shipped', 'delivered']) {
      assert.deepEqual(await move(id, status, sellers[1]), notFound, status);
    }
  };
  await tryAll();
  for (const status of ['shipped', 'delivered']) {
    assert.equal((await move(id, status, sellers[0]))[0], 200);
    await tryAll();
  }
  assert.equal((await ordersOf(buyers[0]))[0].status, 'delivered');
});

test('an order keeps its seller when the product is deleted', async () => {
  const gone = await shop.product(sellers[0]);
  const [id = ''] = await order(buyers[0], gone);
  assert.equal((await call(`DELETE /delete-product/?id=${gone.id}`, sellers[0]))[0], 200);
  assert.deepEqual(await move(id, 'shipped', sellers[1]), notFound);
  assert.equal((await move(id, 'shipped', sellers[0]))[0], 200);
  assert.equal((await move(id, 'delivered', operator))[0], 200);
});

test('an operator moves any order, by the same rules', async () => {
  const [id = ''] = await order(buyers[1], products[1]);
  const skip = await move(id, 'delivered', operator);
  assert.deepEqual(skip, [400, { error: 'Cannot change status from pending to delivered' }]);
  assert.equal((await move(id, 'shipped', operator))[0], 200);
  const again = await move(id, 'shipped', operator);
  assert.deepEqual(again, [400, { error: 'Order already in this status' }]);
  assert.equal((await ordersOf(buyers[1]))[0].status, 'shipped');
});

test('notifications reach the buyer and the seller of the order, and nobody else', async () => {
  const everyone = [...buyers, ...sellers, operator];
  const sockets = await Promise.all(
    everyone.map(({ access }) => shop.socket(`/ws/notifications/${access}/`)),
  );
  const [first = ''] = await order(buyers[0], products[0]);
  await move(first, 'shipped', sellers[0]);
  // Each of the others is told of something later; that it comes first shows that nothing was
  // sent before it.
  const [second = ''] = await order(buyers[1], products[1]);
  await move(second, 'shipped', operator);
  const told = await Promise.all(
    [2, 2, 1, 1].map(async (count, index) => {
      const messages = (await sockets[index]?.receive(count)) ?? [];
      return messages.map(({ type, order_id }) => [type, order_id]);
    }),
  );
  assert.deepEqual(told, [
    [
      ['order.placed', first],
      ['order.status_updated', first],
    ],
    [
      ['order.placed', second],
      ['order.status_updated', second],
    ],
    [['order.placed', first]],
    [['order.placed', second]],
  ]);
  const counts = sockets.map(({ messages }) => messages.length);
  assert.deepEqual(counts, [2, 2, 1, 1, 0]);
  await Promise.all(sockets.map((socket) => socket.close()));
});

test('a replay holds the own notifications only', async () => {
  const newcomer = await shop.buyer();
  const [first = ''] = await order(newcomer, products[0]);
  await order(buyers[0], products[0]);
  await move(first, 'shipped', sellers[0]);
  const [second = ''] = await order(newcomer, products[1]);
  const socket = await shop.socket(`/ws/notifications/${newcomer.access}/?after=0`);
  const messages = await socket.receive(3);
  assert.deepEqual(
    messages.map(({ offset, order_id, status }) => [offset, order_id, status]),
    [
      [1, first, 'pending'],
      [2, first, 'shipped'],
      [3, second, 'pending'],
    ],
  );
  await socket.close();
});
