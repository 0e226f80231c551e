import assert from 'node:assert/strict';
import * as standing from '../../src/features/accounts/standing.ts';
import { readPages } from '../../src/features/orders/order-page.ts';
import { limits } from '../../src/kernel/limits.ts';
import type { Json, TestShop, User } from '../harness.ts';
import { moved, ordered, orderOnce } from '../shopping.ts';

// Uses everything that the shop offers, so that every statement is sent at least once.

/** @param largeCategory one of many products */
export async function useEverything(shop: TestShop, largeCategory: string): Promise<void> {
  const [seller, buyer] = [await shop.seller(), await shop.buyer()];
  await useAccounts(shop);
  const product = await useCatalog(shop, seller);
  await useCart(shop, buyer, product);
  await useOrders(shop, { buyer, seller, product });
  await useLists(shop, buyer, largeCategory);
}

/** A request that must succeed. */
async function ask(
  shop: TestShop,
  route: string,
  { user, body }: { user: User; body?: object },
): Promise<Json> {
  const answer = await shop.call(route, { token: user.access, ...(body && { body }) });
  assert.ok(answer.status < 300, `${route}: ${answer.status} ${answer.text}`);
  return answer.body;
}

async function useAccounts(shop: TestShop): Promise<void> {
  const user = await shop.buyer();
  const { email, password, refresh } = user;
  await ask(shop, 'POST /auth/login/', { user, body: { email, password } });
  await ask(shop, 'POST /auth/get-access-token/', { user, body: { refresh } });
  const { ticket } = await ask(shop, 'POST /auth/ws-ticket/', { user });
  await (await shop.socket(`/ws/notifications/?token=${ticket}`)).close();
  const passwords = { current_password: password, new_password: 'a new and quiet river' };
  await ask(shop, 'POST /auth/change-password/', { user, body: passwords });
  await ask(shop, 'POST /auth/logout/', { user, body: {} });
  assert.equal((await shop.call('GET /cart/', { token: user.access })).status, 401);

  const by = 'a test';
  await standing.disableAccount(shop.context, email, { by });
  await standing.enableAccount(shop.context, email, { by });
  await standing.changeRole(shop.context, email, { role: 'seller', by });
  await standing.describeAccount(shop.context.db, email);
}

async function useCatalog(shop: TestShop, user: User): Promise<Json> {
  const { id: category_id } = await shop.category(user);
  await ask(shop, 'PATCH /category/', { user, body: { category_id, name: 'Other things' } });
  await ask(shop, 'GET /list-category/', { user });
  const product = await shop.product(user, { category_id });
  const change = { id: product.id, name: 'Gong', price: 5, stock: 7, category_id };
  await ask(shop, 'PATCH /product/', { user, body: change });
  const gone = await shop.product(user);
  await ask(shop, `DELETE /delete-product/?id=${gone.id}`, { user });
  const another = await shop.product(user);
  await ask(shop, `DELETE /delete-category/?id=${another.category.id}`, { user });
  return product;
}

async function useCart(shop: TestShop, user: User, product: Json): Promise<void> {
  const line = { product_id: product.id, quantity: 1 };
  await ask(shop, 'POST /cart/', { user, body: line });
  await ask(shop, 'PATCH /cart/', { user, body: { ...line, quantity: 2 } });
  await ask(shop, `DELETE /cart/?product_id=${product.id}`, { user });
  await ask(shop, 'DELETE /cart/', { user });
  await ask(shop, 'POST /cart/', { user, body: line });
  await ask(shop, 'GET /cart/', { user });
  await ask(shop, 'POST /place-order/', { user });
}

async function useOrders(
  shop: TestShop,
  { buyer, seller, product }: { buyer: User; seller: User; product: Json },
): Promise<void> {
  const id = await ordered(shop, buyer, { product_id: product.id });
  await moved(shop, seller, { id, to: ['shipped', 'delivered'] });
  const rest = { products: [{ product_id: product.id, quantity: 5 }], key: 'the rest' };
  const twice = { ...rest, key: { 'Idempotency-Key': rest.key } };
  assert.equal((await orderOnce(shop, buyer, twice)).status, 201);
  assert.equal((await orderOnce(shop, buyer, twice)).status, 201);
  const socket = await shop.socket(`/ws/notifications/?token=${buyer.access}&after=0`);
  await socket.receive(5);
  await socket.close();
}

async function useLists(shop: TestShop, user: User, category: string): Promise<void> {
  const filters = [
    '',
    `category=${category}`,
    'price_min=10&price_max=20',
    'in_stock=true',
    'in_stock=false',
    'search=kettle',
    `category=${category}&in_stock=true&price_max=90`,
  ];
  const orderings = ['created_at', 'price', 'name'].flatMap((name) => [name, `-${name}`]);
  for (const filter of filters) {
    for (const ordering of orderings) {
      await ask(shop, `GET /list-product/?${filter}&ordering=${ordering}`, { user });
    }
    for (const page of ['page=2', 'page=last', 'page_size=100']) {
      await ask(shop, `GET /list-product/?${filter}&${page}`, { user });
    }
  }
  for (const ordering of orderings) {
    for (const page of [30, 31, 1900]) {
      await ask(shop, `GET /list-product/?ordering=${ordering}&page=${page}`, { user });
    }
  }
  for (const page of ['', '?page=2&page_size=1', '?page=last', '?page_size=100']) {
    await ask(shop, `GET /list-user-order/${page}`, { user });
  }
  const far = { buyerId: user.id, skipped: limits.rowsSkipped + 1 };
  await readPages(shop.context.db, [far], { from: 'newest', size: limits.pageSize });
}
