import { randomBytes } from 'node:crypto';
import { sql } from '../../src/kernel/db.ts';
import { openShop, type TestShop, type User } from '../harness.ts';
import { addToCart, nobodysId, ordered, orderOnce } from '../shopping.ts';

/** Who calls. */
export const callers = [
  'anonymous',
  'buyer',
  'otherBuyer',
  'seller',
  'otherSeller',
  'operator',
] as const;
export type Caller = (typeof callers)[number];
type Person = Exclude<Caller, 'anonymous'>;

/** What a request is about. */
export type Kind =
  | 'nothing'
  | 'category'
  | 'product'
  | 'line'
  | 'order'
  | 'key'
  | 'login'
  | 'token';

/** A thing as a request names it. */
export interface Thing {
  id: string;
  /** of a login: the password that goes with the email; of a refresh token: the access token */
  secret?: string;
  /** whose rows may change when it is touched */
  users: number[];
}

const unique = (word: string): string => `${word}-${randomBytes(8).toString('hex')}`;

const counterparts: Partial<Record<Caller, Person>> = {
  buyer: 'otherBuyer',
  otherBuyer: 'buyer',
  seller: 'otherSeller',
  otherSeller: 'seller',
};

/** A shop of two buyers, two sellers and an operator, all of whom have things of their own. */
export class World {
  readonly shop: TestShop;
  readonly #people: Record<Person, User>;
  readonly #secrets = new Map<User, string[]>(); // what nobody but the user may read
  readonly #lasting = new Map<string, Thing>();
  /** the product that orders under a key are about */
  staple = '';

  private constructor(shop: TestShop, people: Record<Person, User>) {
    this.shop = shop;
    this.#people = people;
  }

  static async open(settings: Record<string, string> = {}): Promise<World> {
    const shop = await openShop(settings);
    const people = {
      buyer: await shop.buyer(),
      otherBuyer: await shop.buyer(),
      seller: await shop.seller(),
      otherSeller: await shop.seller(),
      operator: await shop.operator(),
    };
    const world = new World(shop, people);
    for (const user of Object.values(people)) await world.#seal(user);
    for (const buyer of [people.buyer, people.otherBuyer]) await world.#sealOrder(buyer);
    world.staple = (await shop.product(people.seller, { stock: 100_000 })).id;
    return world;
  }

  userOf(caller: Caller): User | undefined {
    return caller === 'anonymous' ? undefined : this.#people[caller];
  }

  /** What this caller must never read: names, addresses, orders, sessions … of all the others. */
  foreignSecrets(caller: Caller, shownUsers: number[] = []): string[] {
    const own = this.userOf(caller);
    return [...this.#secrets].flatMap(([user, secrets]) =>
      user === own || shownUsers.includes(user.id) ? [] : secrets,
    );
  }

  /** A thing of the caller; of the first buyer or seller when the caller can have none. */
  own(kind: Kind, caller: Caller): Promise<Thing> {
    return this.#make(kind, caller);
  }

  /** The same kind of thing of somebody else. */
  foreign(kind: Kind, caller: Caller): Promise<Thing> {
    const buyers: Kind[] = ['login', 'token', 'key', 'line'];
    const usual = buyers.includes(kind) ? 'buyer' : 'seller';
    return this.#make(kind, counterparts[caller] ?? usual);
  }

  /** A thing that there is not. */
  missing(kind: Kind): Thing {
    if (kind === 'login') {
      return { id: `${unique('nobody')}@example.com`, secret: 'a wrong guess', users: [] };
    }
    if (kind === 'token') return { id: 'a.b.c', users: [] };
    if (kind === 'key') return { id: unique('key'), users: [this.#people.seller.id] };
    return { id: nobodysId, users: [] };
  }

  /** One for all the requests which must not change it. */
  async lasting(of: 'own' | 'foreign', kind: Kind, caller: Caller): Promise<Thing> {
    const name = [of, kind, caller].join();
    const thing = this.#lasting.get(name) ?? (await this[of](kind, caller));
    this.#lasting.set(name, thing);
    return thing;
  }

  async #make(kind: Kind, caller: Caller): Promise<Thing> {
    const { shop } = this;
    const { buyer, seller } = this.#cast(caller);
    const user = this.userOf(caller) ?? buyer;
    const product = async (): Promise<string> => (await shop.product(seller, { stock: 1_000 })).id;
    const makers: Record<Kind, () => Promise<Thing>> = {
      nothing: async () => ({ id: 'nothing in particular', users: [] }),
      category: async () => ({ id: (await shop.category(seller)).id, users: [seller.id] }),
      product: async () => ({ id: await product(), users: [seller.id] }),
      line: async () => {
        const id = await product();
        await addToCart(shop, buyer, { product_id: id, quantity: 2 });
        return { id, users: [seller.id] };
      },
      order: async () => {
        const id = await ordered(shop, buyer, { product_id: await product() });
        return { id, users: [seller.id, buyer.id] };
      },
      key: async () => ({ id: await this.#usedKey(buyer), users: [this.#people.seller.id] }),
      login: async () => ({ id: user.email, secret: user.password, users: [user.id] }),
      token: async () => ({ ...(await this.#newTokens(user)), users: [user.id] }),
    };
    return makers[kind]();
  }

  /** The buyer and the seller to make a thing of, for somebody who may be neither. */
  #cast(caller: Caller): { buyer: User; seller: User } {
    const { buyer, otherBuyer, seller, otherSeller, operator } = this.#people;
    return {
      buyer: caller === 'otherBuyer' ? otherBuyer : buyer,
      seller: caller === 'otherSeller' ? otherSeller : caller === 'operator' ? operator : seller,
    };
  }

  async #usedKey(buyer: User): Promise<string> {
    const key = unique('key');
    const products = [{ product_id: this.staple }];
    const sent = { products, key: { 'idempotency-key': key } };
    const { body } = await orderOnce(this.shop, buyer, sent);
    this.#keep(buyer, body.order_id);
    return key;
  }

  async #newTokens({ email, password }: User): Promise<{ id: string; secret: string }> {
    const sent = { body: { email, password } };
    const { body } = await this.shop.call('POST /auth/login/', sent);
    return { id: body.refresh, secret: body.access };
  }

  #keep(user: User, ...secrets: string[]): void {
    this.#secrets.set(user, [...(this.#secrets.get(user) ?? []), ...secrets]);
  }

  /** Gives a user a name, a phone number … that no answer to anybody else may hold. */
  async #seal(user: User): Promise<void> {
    const { context, call } = this.shop;
    const [name, username, phone] = [unique('name'), unique('login'), unique('p').slice(0, 15)];
    const row = await context.db.row<{ hash: string; session: string }>(sql`
      UPDATE users SET name = ${name}, username = ${username}, phone_number = ${phone}
      WHERE id = ${user.id}
      RETURNING password_hash AS hash, (SELECT max(id::text) FROM sessions
        WHERE user_id = users.id AND revoked_at IS NULL) AS session`);
    const { body } = await call('POST /auth/ws-ticket/', { token: user.access });
    const texts = [user.email, name, username, phone, row?.hash, row?.session, body.ticket];
    this.#keep(user, ...texts.map(String));
  }

  /** An order whose line names a product that is on offer no more: only its buyer can read it. */
  async #sealOrder(buyer: User): Promise<void> {
    const { shop } = this;
    const { seller } = this.#people;
    const name = unique('sealed');
    const product = await shop.product(seller, { name, description: `about ${name}` });
    const id = await ordered(shop, buyer, { product_id: product.id });
    await shop.call(`DELETE /delete-product/?id=${product.id}`, { token: seller.access });
    this.#keep(buyer, name, id);
  }
}
