import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { inTurns } from '../../proofs/many-buyers.ts';
import {
  type Answer,
  type Json,
  openShop,
  type TestNode,
  type TestShop,
  type User,
} from '../harness.ts';
import { HeldLock } from '../held-lock.ts';
import { query } from '../program-data.ts';
import { countStatuses, insist, order, times } from '../shopping.ts';

// The numbers of products of a list, and of those in stock, are kept, not counted: I12 compares
// them with the products after each test.

let shop: TestShop;
let nodes: TestNode[];
let seller: User;
let buyer: User;
before(async () => {
  shop = await openShop();
  nodes = [shop, await shop.node()];
  [seller, buyer] = [await shop.seller(), await shop.buyer()];
});
after(() => shop.close());
afterEach(async () => {
  assert.deepEqual(await shop.violations(), []);
  await agreeWithin('');
});

const call = (index: number, route: string, body?: object): Promise<Answer> =>
  (nodes[index % 2] as TestNode).call(route, { token: seller.access, ...(body && { body }) });

const create = (index: number, category_id: string): Promise<Answer> =>
  call(index, 'POST /product/', { name: 'n', description: 'd', price: 1, stock: 1, category_id });

/** What the list says of its length is what is on its pages. */
async function agree(filter: string): Promise<number> {
  const ids = new Set<string>();
  let told = 0;
  for (let page = 1, pages = 1; page <= pages; page += 1) {
    const { body } = await call(0, `GET /list-product/?page_size=100&page=${page}${filter}`);
    [told, pages] = [body.total_products, body.total_pages];
    for (const { id } of body.results) ids.add(id);
  }
  assert.equal(told, ids.size, filter);
  return told;
}

/** So do what is in stock and what is sold out, and together they are the whole. */
async function agreeWithin(filter: string): Promise<void> {
  const [all = 0, inStock = 0, soldOut = 0] = await Promise.all(
    ['', '&in_stock=true', '&in_stock=false'].map((stock) => agree(filter + stock)),
  );
  assert.equal(inStock + soldOut, all);
}

test('products made in one category at once are all counted', async () => {
  const { id } = await shop.category(seller);
  const answers = await Promise.all(times(60, (index) => create(index, id)));
  assert.deepEqual(countStatuses(answers), { 201: 60 });
  assert.equal(await agree(`&category=${id}`), 60);
});

test('products moved, removed and made at once are counted where they end up', async () => {
  const categories: Json[] = await Promise.all(times(3, () => shop.category(seller)));
  const idOf = (index: number): string => categories[index % 3].id;
  const made = await Promise.all(times(30, (index) => create(index, idOf(index))));
  const ids = made.map(({ body }) => body.id);
  const answers = await Promise.all(
    times(150, (index) => {
      const id = ids[index % ids.length];
      if (index % 5 === 0) return create(index, idOf(index));
      if (index % 11 === 0) return call(index, `DELETE /delete-product/?id=${id}`);
      return call(index, 'PATCH /product/', { id, category_id: idOf(index * 7 + (index >> 3)) });
    }),
  );
  const { 200: done = 0, 201: created = 0, 404: gone = 0 } = countStatuses(answers);
  assert.deepEqual([done + created + gone, created], [150, 30]);
  const counts = await Promise.all(times(3, (index) => agree(`&category=${idOf(index)}`)));
  const deleted = answers.filter(({ body }) => body?.message === 'Product deleted successfully.');
  const all = counts.reduce((sum, count) => sum + count, 0);
  assert.equal(all, 60 - deleted.length);
});

test('products that sell out, come back, move and go at once are counted as they end', async () => {
  const categories: Json[] = await Promise.all(times(3, () => shop.category(seller)));
  const idOf = (index: number): string => categories[index % 3].id;
  const made = await Promise.all(times(24, (index) => create(index, idOf(index))));
  const ids = made.map(({ body }) => body.id);
  const act = (index: number): Promise<Answer> => {
    const at = (index * 7 + (index >> 2)) % ids.length;
    const id = ids[at];
    if (index % 23 === 0) return call(index, `DELETE /delete-product/?id=${id}`);
    const change = (fields: object) => call(index, 'PATCH /product/', { id, ...fields });
    switch (index % 4) {
      case 0:
        return change({ stock: index % 3 });
      case 1:
        return change({ category_id: idOf(index >> 2), stock: (index >> 1) % 2 });
      default: {
        const lines = times(1 + (index % 2), (step) => ids[(at + step * 5) % ids.length]);
        return order(nodes[index % 2] as TestNode, buyer, linesOf(lines));
      }
    }
  };
  const answers: Answer[] = [];
  const turns = { atOnce: 20, signal: new AbortController().signal };
  await inTurns(times(240, String), turns, async (_, index) => {
    answers.push(await insist(() => act(index)));
  });
  const { 200: changed = 0, 201: sold = 0 } = countStatuses(answers);
  assert.ok(changed > 50 && sold > 10, `${changed} changed, ${sold} sold`);
  for (const { id } of categories) await agreeWithin(`&category=${id}`);
});

test('the last units of many products sold in one order are all counted', async () => {
  const { id } = await shop.category(seller);
  const made = await Promise.all(times(12, (index) => create(index, id)));
  const ids = made.map(({ body }) => body.id);
  assert.equal((await order(shop, buyer, linesOf(ids.slice(3)))).status, 201);
  assert.equal(await agree(`&category=${id}&in_stock=true`), 3);
  assert.equal(await agree(`&category=${id}&in_stock=false`), 9);
});

test('while a category is deleted products come and go, and none is left in it', async () => {
  for (let round = 0; round < 6; round += 1) {
    const [going, staying] = [await shop.category(seller), await shop.category(seller)];
    const made = await Promise.all(times(8, (index) => create(index, going.id)));
    const [removed, ...others] = await Promise.all([
      call(round, `DELETE /delete-category/?id=${going.id}`),
      ...made.flatMap(({ body: { id } }, index) => [
        call(index, 'PATCH /product/', { id, category_id: staying.id }),
        call(index + 1, 'PATCH /product/', { id, category_id: going.id }),
        create(index, going.id),
        ...(index % 3 === 0 ? [call(index, `DELETE /delete-product/?id=${id}`)] : []),
      ]),
    ]);
    assert.equal(removed.status, 200);
    const statuses = Object.keys(countStatuses(others));
    assert.deepEqual(
      statuses.filter((status) => !['200', '201', '400', '404'].includes(status)),
      [],
    );
    assert.equal(await agree(`&category=${going.id}`), 0);
  }
});

test('a sale of last units closes no circle of locks with who deletes the category', async () => {
  const before = await deadlocks();
  const { id: category_id } = await shop.category(seller);
  const { id } = await shop.product(seller, { category_id, stock: 1 });
  const lock = await HeldLock.take(
    shop.databaseUrl,
    `SELECT FROM streams WHERE user_id = ${buyer.id} FOR NO KEY UPDATE`,
  );
  const sale = order(shop, buyer, linesOf([id]));
  await lock.isWanted(1);
  const remove = call(1, `DELETE /delete-category/?id=${category_id}`);
  await lock.isWanted(2);
  await lock.release();
  assert.deepEqual([(await sale).status, (await remove).status], [201, 200]);
  await sleep(1_500); // sessions tell of their deadlocks when they are idle
  assert.equal(await deadlocks(), before);
});

const linesOf = (ids: string[]) => ids.map((product_id) => ({ product_id }));

const deadlocks = async (): Promise<number> => {
  const [row] = await query(
    shop.databaseUrl,
    'SELECT deadlocks::int FROM pg_stat_database WHERE datname = current_database()',
  );
  return row.deadlocks;
};

test('a product that is moved while its lock is waited for closes no circle of locks', async () => {
  const before = await deadlocks();
  for (let round = 0; round < 4; round += 1) {
    const [from, to] = [await shop.category(seller), await shop.category(seller)];
    const { id } = await shop.product(seller, { category_id: from.id });
    const lock = await HeldLock.take(
      shop.databaseUrl,
      `SELECT FROM products WHERE id = '${id}' FOR NO KEY UPDATE`,
    );
    const move = call(round, 'PATCH /product/', { id, category_id: to.id });
    await lock.isWanted(1);
    const withdraw = call(round + 1, `DELETE /delete-product/?id=${id}`);
    await lock.isWanted(2);
    const remove = call(round, `DELETE /delete-category/?id=${to.id}`);
    await sleep(50);
    await lock.release();
    const answers = await Promise.all([move, withdraw, remove]);
    for (const { status } of answers) assert.ok([200, 404].includes(status), String(status));
  }
  await sleep(1_500); // sessions tell of their deadlocks when they are idle
  assert.equal(await deadlocks(), before);
});
