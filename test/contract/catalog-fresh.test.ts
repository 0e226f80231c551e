import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { announceCatalogChange } from '../../src/features/catalog/catalog-state.ts';
import { loadProducts } from '../../src/features/catalog/products.ts';
import { type Json, openShop, type TestNode, type TestShop, type User } from '../harness.ts';
import { within } from '../shopping.ts';

let shop: TestShop;
let node: TestNode;
let seller: User;
let buyer: User;
let category: Json;
/** what must be on offer, oldest first */
let offered: Json[] = [];

before(async () => {
  shop = await openShop();
  node = await shop.node();
  [seller, buyer] = [await shop.seller(), await shop.buyer()];
  category = await shop.category(seller);
});
after(async () => {
  assert.deepEqual(await shop.violations(), []);
  await shop.close();
});

const isCheap = ({ price }: Json): boolean => price <= 5;
const views: Record<string, (all: Json[]) => Json[]> = {
  '': (all) => all,
  '?page=last&page_size=3': (all) => all.slice(3 * Math.floor((all.length - 1) / 3)),
  '?in_stock=true': (all) => all.filter(({ stock }) => stock > 0),
  '?in_stock=false': (all) => all.filter(({ stock }) => stock === 0),
  '?price_max=5': (all) => all.filter(isCheap),
  '?search=bell': (all) => all.filter(({ name }) => /bell/i.test(name)),
  '?ordering=-price': (all) => all.toSorted((a, b) => b.price - a.price),
  '?in_stock=true&price_max=5&ordering=-created_at': (all) =>
    all.filter((product) => product.stock > 0 && isCheap(product)).toReversed(),
};
const viewsNow = (): Record<string, Json[]> =>
  Object.fromEntries(Object.entries(views).map(([query, view]) => [query, view(offered)]));

async function read(from: TestNode): Promise<Record<string, Json[]>> {
  const pages = Object.keys(views).map(async (query) => {
    const { body } = await from.call(`GET /list-product/${query}`, { token: buyer.access });
    return [query, body.results];
  });
  return Object.fromEntries(await Promise.all(pages));
}

/** Every view is right at once here, and within a second on the other node. */
async function assertFresh(): Promise<void> {
  const expected = viewsNow();
  assert.deepEqual(await read(shop), expected);
  await within(1_000, async () => assert.deepEqual(await read(node), expected));
}

const make = async (fields: object): Promise<Json> => {
  const made = await shop.product(seller, { category_id: category.id, ...fields });
  offered.push(made);
  return made;
};
const edit = async (product: Json, change: object): Promise<void> => {
  const { status } = await shop.call('PATCH /product/', {
    token: seller.access,
    body: { id: product.id, ...change },
  });
  assert.equal(status, 200);
  Object.assign(product, change);
};
const order = async (product: Json, quantity: number): Promise<void> => {
  const { status } = await shop.call('POST /place-order/', {
    token: buyer.access,
    body: { products: [{ product_id: product.id, quantity }] },
  });
  assert.equal(status, 201);
  product.stock -= quantity;
};

test('a new product is in the next list', async () => {
  await assertFresh();
  for (const price of [1, 4, 5, 6, 9]) {
    await make({ price, name: price % 2 === 0 ? 'Bell' : 'Horn' });
    await assertFresh();
  }
});

test('an edit is in the next list, also where it moves the product in or out', async () => {
  const product = await make({ name: 'Horn', price: 9, stock: 2 });
  const changes = [{ name: 'Cow bell' }, { description: 'Changed' }, { price: 4.99 }, { price: 7 }];
  for (const change of [...changes, { stock: 0 }, { stock: 1 }, { name: 'Horn', price: 5 }]) {
    await edit(product, change);
    await assertFresh();
  }
});

test('the stock follows orders, down to sold out and up again', async () => {
  const product = await make({ price: 3, stock: 3 });
  await assertFresh();
  await order(product, 1);
  await assertFresh();
  await order(product, 2);
  assert.equal(product.stock, 0);
  assert.ok(!viewsNow()['?in_stock=true']?.includes(product));
  await assertFresh();
  await edit(product, { stock: 4 });
  await assertFresh();
});

test('hints of sales that are late, lost or ahead are no harm', async () => {
  const product = await make({ stock: 50 });
  await order(product, 1);
  await assertFresh();
  const [row] = await loadProducts(shop.context.db, [product.id]);
  for (const ahead of [-1, 0, 2]) {
    const revision = (row?.revision ?? 0) + ahead;
    announceCatalogChange(shop.context.bus, { levels: [[product.id, 7, revision]] });
    await assertFresh();
  }
  for (const quantity of [1, 2, 3]) {
    await order(product, quantity);
    await assertFresh();
  }
});

test('a refused order changes no list', async () => {
  const [few, many] = [await make({ stock: 1 }), await make({ stock: 9 })];
  const products = [
    { product_id: many.id, quantity: 5 },
    { product_id: few.id, quantity: 2 },
  ];
  const { status, body } = await shop.call('POST /place-order/', {
    token: buyer.access,
    body: { products },
  });
  const error = `Insufficient stock for product ${few.name}`;
  assert.deepEqual([status, body], [400, { error }]);
  await assertFresh();
});

test('a renamed category shows in its products, and in the list of categories', async () => {
  for (const change of [{ name: 'Renamed' }, { description: 'Told anew' }]) {
    const { status } = await shop.call('PATCH /category/', {
      token: seller.access,
      body: { category_id: category.id, ...change },
    });
    assert.equal(status, 200);
    Object.assign(category, change);
    for (const product of offered) product.category = { ...category };
    await assertFresh();
    const { body } = await shop.call('GET /list-category/', { token: buyer.access });
    assert.deepEqual(body, [category]);
  }
});

test('a product that moves to another category is in the list of that one', async () => {
  const other = await shop.category(seller);
  const product = offered[0];
  const inCategory = async (id: string): Promise<string[]> => {
    const { body } = await shop.call(`GET /list-product/?category=${id}&page_size=100`, {
      token: buyer.access,
    });
    return body.results.map((one: Json) => one.id);
  };
  assert.deepEqual(await inCategory(other.id), []);
  assert.ok((await inCategory(category.id)).includes(product.id));
  const { body } = await shop.call('PATCH /product/', {
    token: seller.access,
    body: { id: product.id, category_id: other.id },
  });
  assert.deepEqual(body, { ...product, category: other });
  product.category = other;
  assert.deepEqual(await inCategory(other.id), [product.id]);
  assert.ok(!(await inCategory(category.id)).includes(product.id));
  await assertFresh();
});

test('a deleted product is in no list any more, and pages close up', async () => {
  for (const index of [1, 0, offered.length - 3]) {
    const [product] = offered.splice(index, 1);
    const { status } = await shop.call(`DELETE /delete-product/?id=${product.id}`, {
      token: seller.access,
    });
    assert.equal(status, 200);
    await assertFresh();
  }
});

test('a deleted category takes its products out of every list', async () => {
  const { status } = await shop.call(`DELETE /delete-category/?id=${category.id}`, {
    token: seller.access,
  });
  assert.equal(status, 200);
  offered = offered.filter((product) => product.category.id !== category.id);
  await assertFresh();
});

test('what is written on the other node is here within a second', async () => {
  category = await shop.category(seller);
  const product = await make({ price: 2, stock: 5 });
  await assertFresh();
  await node.call('PATCH /product/', {
    token: seller.access,
    body: { id: product.id, stock: 0, name: 'From afar' },
  });
  Object.assign(product, { stock: 0, name: 'From afar' });
  const expected = viewsNow();
  assert.deepEqual(await read(node), expected, 'at once where it was written');
  await within(1_000, async () => assert.deepEqual(await read(shop), expected));
});
