import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { Context } from '../../src/context.ts';
import { type Cart, readCarts } from '../../src/features/cart/cart.ts';
import type { Carts } from '../../src/features/cart/carts.ts';
import type { Actor } from '../../src/features/catalog/categories.ts';
import type { Product as Offered } from '../../src/features/catalog/products.ts';
import { changeOffer, offerProduct, withdrawProduct } from '../../src/features/inventory/offers.ts';
import { readOffsets, readStreams } from '../../src/features/notifications/streams.ts';
import { listOrders } from '../../src/features/orders/list-orders.ts';
import type { StatusStep } from '../../src/features/orders/order-status.ts';
import { PageQueue } from '../../src/features/orders/page-queue.ts';
import type { Checkout } from '../../src/features/orders/place-orders.ts';
import { type Db, sql } from '../../src/kernel/db.ts';
import { Refusal } from '../../src/kernel/errors.ts';
import { newId } from '../../src/kernel/ids.ts';
import type { Operation, Product, Result, Sight } from './model.ts';
import { Names } from './names.ts';

type Order = Extract<Operation, { verb: 'order' }>;

/** Where an operation runs: a database, and what takes what goes in batches. */
export interface Outside {
  db: Db;
  bus: Context['bus'];
  carts: Carts;
  place(checkout: Checkout): Promise<string[]>;
  move(step: StatusStep): Promise<void>;
}

/** The shop under test: carries operations out, and translates names to ids and back. */
export class RealShop {
  readonly #context: Context;
  readonly #users: Map<string, number>;
  readonly #buyers: string[];
  readonly #categoryId: string;
  readonly #names = new Names();
  readonly #pages: PageQueue;

  private constructor(context: Context, users: Map<string, number>, buyers: string[]) {
    this.#context = context;
    this.#pages = new PageQueue(context);
    this.#users = users;
    this.#buyers = buyers;
    this.#categoryId = newId();
  }

  /** New users in the database of `context`, who have and know nothing. */
  static async open(context: Context, buyers: string[], others: string[]): Promise<RealShop> {
    const names = [...buyers, ...others];
    const rows = await context.db.rows<{ id: number }>(sql`
      WITH account AS (
        INSERT INTO users (email, password_hash, role, user_type)
        SELECT e || '@example.com', '', 'buyer', 'viewer'
        FROM unnest(${names.map(() => newId())}::text[]) e RETURNING id
      ) INSERT INTO streams (user_id) SELECT id FROM account RETURNING user_id AS id`);
    const users = new Map(rows.map(({ id }, index) => [names[index] ?? '', id]));
    const shop = new RealShop(context, users, buyers);
    await context.db.rows(sql`
      INSERT INTO categories (id, seller_id, name, description)
      VALUES (${shop.#categoryId}, ${shop.#user(others[0])}, 'Things', 'All sorts')`);
    await context.db.rows(sql`
      INSERT INTO category_counts (category_id) VALUES (${shop.#categoryId})`);
    return shop;
  }

  get context(): Context {
    return this.#context;
  }

  /** Carries an operation out; ids in the result are still the real ones: see `translate`. */
  async perform(operation: Operation, outside: Outside): Promise<unknown> {
    try {
      return (await this.#act(operation, outside)) ?? 'done';
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return { refused: { kind: error.kind, message: error.message } };
    }
  }

  checkoutOf({ buyer, lines, key }: Order): Checkout {
    const buyerId = this.#user(buyer);
    const asked = lines === 'cart' ? lines : lines.map((line) => this.#line(line));
    const requestHash = createHash('sha256').update(JSON.stringify(lines)).digest();
    const claim = key === undefined ? undefined : { userId: buyerId, key, requestHash };
    return { buyerId, lines: asked, claim };
  }

  /**
   * The results of operations that began in the same step, in the words of the model. Two ids for
   * one name, as when one key made two orders, stay as they are, which is not what the model says.
   */
  translate(step: number, done: { operation: Operation; result: unknown }[]): Result[] {
    for (const { operation, result } of done) this.#names.learn(step, operation, result);
    return done.map(({ result }) => this.#names.in(result) as Result);
  }

  /** All that readers of the shop can see, in the form in which the model's `look` gives it. */
  async look(): Promise<Sight> {
    const ids = this.#buyers.map((buyer) => this.#user(buyer));
    const [products, carts, orders, streams, late] = await Promise.all([
      this.#products(),
      Promise.all(ids.map((id) => this.#cart(id))),
      Promise.all(ids.map((id) => this.#orders(id))),
      this.#streams(),
      this.#context.db.rows(sql`
        SELECT id FROM orders WHERE buyer_id = ANY(${ids}::int[])
          AND (created_at > shipped_at OR shipped_at > delivered_at)`),
    ]);
    assert.deepEqual(late, [], 'no order was shipped before it was placed, or after its delivery');
    return this.#names.in({ products, carts, orders, streams }) as Sight;
  }

  async #act(operation: Operation, { place, move, carts, ...outside }: Outside): Promise<unknown> {
    const { db } = outside;
    switch (operation.verb) {
      case 'order':
        return { orders: await place(this.checkoutOf(operation)) };
      case 'add to cart':
      case 'set cart line': {
        const buyerId = this.#user(operation.buyer);
        const line = this.#line(operation.line);
        const verb = operation.verb === 'add to cart' ? 'add' : 'set';
        if (line.quantity === 0) await carts.remove(buyerId, line.productId);
        else await carts.change({ verb, buyerId, ...line });
        return undefined;
      }
      case 'empty cart':
        return void (await carts.empty(this.#user(operation.buyer)));
      case 'offer': {
        const { seller, fields } = operation;
        const { price: priceMinor, ...more } = fields;
        const offer = { ...more, priceMinor, description: '', categoryId: this.#categoryId };
        return offered(await offerProduct(outside, this.#user(seller), offer));
      }
      case 'change': {
        const { price: priceMinor, ...more } = operation.fields;
        const change = { id: this.#names.idOf(operation.product), ...more, priceMinor };
        return offered(await changeOffer(outside, this.#actor(operation.actor), change));
      }
      case 'withdraw': {
        const { actor, product } = operation;
        return withdrawProduct(outside, this.#actor(actor), this.#names.idOf(product));
      }
      case 'move': {
        const { actor, order, status } = operation;
        return move({ actor: this.#actor(actor), orderId: this.#names.idOf(order), status });
      }
      case 'read stream':
      default: {
        const { user, after } = operation;
        const [part] = await readStreams(db, [{ userId: this.#user(user), after }]);
        return { events: part?.events.map(({ json }) => eventOf(json)) };
      }
    }
  }

  async #products(): Promise<Sight['products']> {
    const rows = await this.#context.db.rows<Product & { id: string; seller_id: number }>(sql`
      SELECT id, seller_id, name, price_minor AS price, stock, archived_at IS NOT NULL AS archived
      FROM products WHERE category_id = ${this.#categoryId}`);
    const names = new Map([...this.#users].map(([name, id]) => [id, name]));
    return Object.fromEntries(
      rows.map(({ id, seller_id, ...product }) => [
        this.#names.of(id),
        { ...product, seller: names.get(seller_id) ?? '' },
      ]),
    );
  }

  async #cart(buyerId: number): Promise<Sight['carts'][number]> {
    const [cart] = await readCarts(this.#context.db, [buyerId]);
    const { lines, totalItems: items, totalMinor: total } = cart as Cart;
    const seen = lines.map(({ product, quantity, subtotalMinor: subtotal }) => {
      return { product: product.id, quantity, subtotal };
    });
    return { lines: seen, items, total };
  }

  async #orders(buyerId: number): Promise<Sight['orders'][number]> {
    const found = await listOrders(this.#pages, buyerId, { page: 1, pageSize: 1_000 });
    const steps = found.orders.map(({ id }) => this.#names.stepOf(id));
    assert.deepEqual(
      steps,
      steps.toSorted((a, b) => b - a),
      'orders are listed newest first',
    );
    const orders = found.orders.map(({ id, status, totalMinor: total, lines }) => {
      const seen = lines.map(({ product, quantity, unitPriceMinor: price }) => {
        return { product: product.id, quantity, name: product.name, price };
      });
      return { id: this.#names.of(id), status, total, lines: seen };
    });
    return orders.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  }

  async #streams(): Promise<Sight['streams']> {
    const { db } = this.#context;
    const users = [...this.#users];
    const ids = users.map(([, id]) => id);
    const parts = await readStreams(
      db,
      ids.map((userId) => ({ userId, after: 0 })),
    );
    const offsets = await readOffsets(db, ids);
    return Object.fromEntries(
      users.map(([name, id], index) => {
        const events = parts[index]?.events ?? [];
        assert.equal(offsets.get(id), events.length, `the counter of ${name} is its last offset`);
        return [name, events.map(({ json }) => eventOf(json))];
      }),
    );
  }

  #user(name: string | undefined): number {
    return this.#users.get(name ?? '') ?? Number.NaN;
  }

  #line({ product, quantity }: { product: string; quantity: number }) {
    return { productId: this.#names.idOf(product), quantity };
  }

  #actor(name: string): Actor {
    return { userId: this.#user(name), isOperator: name === 'operator' };
  }
}

function eventOf(json: string): Sight['streams'][string][number] {
  const { offset, type, order_id: order, status, message } = JSON.parse(json);
  return { offset, type, order, status, message };
}

const offered = ({ id, name, priceMinor: price, stock }: Offered) => ({
  offered: { id, name, price, stock },
});
