import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import pg from 'pg';
import { type Checkout, placeOrders } from '../../src/features/orders/place-orders.ts';
import { type Json, openShop, type TestShop, type User } from '../harness.ts';
import {
  addToCart,
  countStatuses,
  order,
  orderCart,
  ordered,
  orderOnce,
  setStatus,
  times,
} from '../shopping.ts';

// How often the database is asked does not grow with what is asked for.

interface Conversation {
  /** without BEGIN and COMMIT */
  statements: string[];
  /** times that something was sent when nothing was under way */
  trips: number;
}

const talks = new Map<object, Conversation & { underWay: number }>();
let transactions: Conversation[] = [];
let singles: string[] = [];

/** Notes what every connection is asked. */
function listenIn(): () => void {
  const { query } = pg.Client.prototype;
  const heard = function (
    this: pg.Client,
    asked: string | { text: string },
    ...more: unknown[]
  ): Promise<unknown> {
    const text = typeof asked === 'string' ? asked : asked.text;
    if (text === 'BEGIN') talks.set(this, { statements: [], trips: 0, underWay: 0 });
    const talk = talks.get(this);
    if (talk === undefined) singles.push(text);
    else if (!/^(?:BEGIN|COMMIT|ROLLBACK)$/.test(text)) talk.statements.push(text);
    if (talk?.underWay === 0) talk.trips += 1;
    if (talk) talk.underWay += 1;
    if (text === 'COMMIT' && talk) {
      transactions.push(talk);
      talks.delete(this);
    }
    const answer: Promise<unknown> = Reflect.apply(query, this, [asked, ...more]);
    const end = (): void => void (talk && (talk.underWay -= 1));
    answer.then(end, end);
    return answer;
  };
  Object.assign(pg.Client.prototype, { query: heard });
  return () => Object.assign(pg.Client.prototype, { query });
}

let shop: TestShop;
let seller: User;
let things: Json[];
let buyers: User[];
let stopListening: () => void;
before(async () => {
  stopListening = listenIn();
  shop = await openShop({}, { patient: true });
  seller = await shop.seller();
  const { id: category_id } = await shop.category(seller);
  things = await Promise.all(times(40, () => shop.product(seller, { category_id, stock: 500 })));
  buyers = await Promise.all(times(40, () => shop.buyer()));
});
after(async () => {
  stopListening();
  await shop.close();
});

/** What each of the transactions took that placed orders, or moved them; or wrote what is told. */
async function countsOf(
  work: () => Promise<unknown>,
  written = /(?:INTO|UPDATE) orders/,
): Promise<[number, number][]> {
  transactions = [];
  await work();
  return transactions
    .filter(({ statements }) => statements.some((text) => written.test(text)))
    .map(({ statements, trips }) => [statements.length, trips]);
}

const linesOf = (count: number) => things.slice(0, count).map(({ id }) => ({ product_id: id }));

test('a batch of orders takes 5 statements in 3 trips, whatever its size', async () => {
  const key = (index: number) => ({ 'Idempotency-Key': `round trip ${index}` });
  const all = [
    await countsOf(() => orderOnce(shop, buyers[0] as User, { key: key(0), products: linesOf(1) })),
    await countsOf(() =>
      orderOnce(shop, buyers[0] as User, { key: key(1), products: linesOf(40) }),
    ),
    await countsOf(async () => {
      const asked = times(120, (index) => {
        const buyer = buyers[index % buyers.length] as User;
        const products = linesOf(1 + (index % 3));
        return orderOnce(shop, buyer, { key: key(2 + index), products });
      });
      assert.deepEqual(countStatuses(await Promise.all(asked)), { 201: 120 });
    }),
  ];
  for (const counts of all) for (const one of counts) assert.deepEqual(one, [5, 3]);
  assert.equal(all[0]?.length, 1);
  assert.ok((all[2]?.length ?? 0) < 30, 'batches');
});

test('without a key it takes 3 in 2 trips, from carts a statement and a trip more', async () => {
  assert.deepEqual(await countsOf(() => order(shop, buyers[0] as User, linesOf(2))), [[3, 2]]);
  await fillCarts(buyers.slice(0, 30));
  const counts = await countsOf(() =>
    Promise.all(buyers.slice(0, 30).map((buyer) => orderCart(shop, buyer))),
  );
  for (const one of counts) assert.deepEqual(one, [4, 3]);
});

test('last units take a statement and a trip more, whatever they are', async () => {
  for (const count of [1, 30]) {
    const rare = await Promise.all(times(count, () => shop.product(seller, { stock: 1 })));
    const lines = rare.map(({ id }) => ({ product_id: id }));
    const counts = await countsOf(() => order(shop, buyers[0] as User, lines));
    assert.deepEqual(counts, [[4, 3]], `${count} of them`);
  }
});

test('whatever comes together takes 8 statements in 6 trips', async () => {
  const [ann, bob] = buyers.map(({ id }) => id) as [number, number];
  const rare = await shop.product(seller, { stock: 1 });
  const claim = (key: string) => ({ userId: ann, key, requestHash: Buffer.from(key) });
  const line = ({ id }: Json) => [{ productId: id, quantity: 1 }];
  const place = (more: Checkout[]) =>
    placeOrders(shop.context.db, [
      { buyerId: ann, lines: line(things[0]), claim: claim('all at once') },
      ...more,
    ]);
  await place([]);
  await fillCarts(buyers.slice(1, 2));
  const { outcomes } = await place([]);
  const counts = await countsOf(async () => {
    const again = await place([
      { buyerId: ann, lines: line(things[0]), claim: claim('a new one') },
      { buyerId: bob, lines: 'cart', claim: undefined },
      { buyerId: bob, lines: line(rare), claim: undefined },
    ]);
    assert.deepEqual(again.outcomes[0], outcomes[0]);
    for (const outcome of again.outcomes) assert.ok('orderIds' in outcome);
  });
  assert.deepEqual(counts, [[8, 6]]);
});

const fillCarts = (filled: User[]): Promise<unknown> =>
  Promise.all(filled.flatMap((buyer) => linesOf(3).map((line) => addToCart(shop, buyer, line))));

test('a batch of steps of orders takes 3 statements in 2 trips, whatever its size', async () => {
  const ids = await Promise.all(buyers.map((buyer) => ordered(shop, buyer, ...linesOf(1))));
  const ship = (order_id: string) => setStatus(shop, seller, { order_id, status: 'shipped' });
  const [first = '', ...others] = ids;
  assert.deepEqual(await countsOf(() => ship(first)), [[3, 2]]);
  const counts = await countsOf(async () => {
    const answers = await Promise.all([...others, first, randomUUID()].map(ship));
    assert.deepEqual(countStatuses(answers), { 200: others.length, 400: 1, 404: 1 });
  });
  for (const one of counts) assert.deepEqual(one, [3, 2]);
  assert.ok(counts.length < others.length / 2, 'batches');
});

test('a batch of changes of carts takes 5 statements in 2 trips, whatever its size', async () => {
  const put = async (buyer: User, index: number) => {
    const body = { product_id: things[index % things.length].id, quantity: 1 };
    return shop.call(`${index % 3 === 2 ? 'PATCH' : 'POST'} /cart/`, { token: buyer.access, body });
  };
  const wroteLines = /INTO cart_lines/;
  assert.deepEqual(await countsOf(() => put(buyers[0] as User, 0), wroteLines), [[5, 2]]);
  singles = [];
  const counts = await countsOf(async () => {
    const answers = await Promise.all(times(4, () => buyers.map(put)).flat());
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200, 201]));
  }, wroteLines);
  for (const one of counts) assert.deepEqual(one, [5, 2]);
  assert.ok(counts.length < buyers.length, 'batches');
  assert.deepEqual(singles.filter(isOfCart), [], 'the answers are made from memory');
});

test('reads of carts take a statement for many', async () => {
  singles = [];
  const read = ({ access }: User) => shop.call('GET /cart/', { token: access });
  const answers = await Promise.all(times(4, () => buyers.map(read)).flat());
  assert.deepEqual(countStatuses(answers), { 200: answers.length });
  const { length } = singles.filter(isOfCart);
  assert.ok(length > 0 && length < answers.length / 2, `${length} statements`);
});

const isOfCart = (text: string): boolean => text.includes('cart_lines');
const isOfList = (text: string): boolean => /AS ids|JOIN categories c ON/.test(text);

test('a list that is not cached takes 2 statements, one that is takes none', async () => {
  const read = async (query: string): Promise<number> => {
    singles = [];
    const answer = await shop.call(`GET /list-product/${query}`, {
      token: buyers[0]?.access ?? '',
    });
    assert.equal(answer.status, 200);
    return singles.filter(isOfList).length;
  };
  for (const query of ['?page=1&page_size=10', '?ordering=-price&page_size=20', '?page=last']) {
    const first = await read(query);
    assert.ok(first >= 1 && first <= 2, `${first} statements`);
    for (const _ of [1, 2, 3]) assert.equal(await read(query), 0);
  }
});

test('a list that shows what was sold needs nothing read', async () => {
  const path = 'GET /list-product/?page=1&page_size=10';
  const token = buyers[0]?.access ?? '';
  const shown = async (): Promise<number> =>
    (await shop.call(path, { token })).body.results[0].stock;
  const before = await shown();
  for (const sold of [1, 2, 3]) {
    await order(shop, buyers[0] as User, linesOf(1));
    singles = [];
    assert.equal(await shown(), before - sold);
    assert.deepEqual(singles.filter(isOfList), []);
  }
});
