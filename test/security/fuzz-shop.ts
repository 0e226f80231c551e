import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { User } from '../harness.ts';
import { newDatabase } from '../program-data.ts';
import { type ServedShop, serve } from '../program.ts';
import { ordered } from '../shopping.ts';
import { register } from '../traffic.ts';
import { type Asker, openAsker } from './fuzz-ask.ts';
import type { Caller } from './fuzz-routes.ts';

/** `FUZZ=full` tries everything everywhere; without it a part of it, for every run of the tests. */
export const isFull = process.env['FUZZ'] === 'full';

/** One in `oneIn` items, others for each `place`; all of them when everything is to be tried. */
export const someOf = <T>(items: readonly T[], oneIn: number, place = 0): T[] =>
  isFull ? [...items] : items.filter((_, index) => (index + place) % oneIn === 0);

/** A real process under fire, and what is known of it. */
export interface FuzzShop extends ServedShop, Asker {
  users: Record<Exclude<Caller, 'anyone'>, User>;
  /** ids and the like that requests need to get anywhere, by field, or by path and field */
  known: Map<string, string>;
  tokenOf(caller: Caller): string | undefined;
  /** A new session, after the old one was ended. */
  renew(caller: Exclude<Caller, 'anyone'>): Promise<void>;
  /** Resident memory of the process. */
  megabytes(): Promise<number>;
}

export async function openFuzzShop(settings: Record<string, string> = {}): Promise<FuzzShop> {
  const shop = await serve(
    settings['DATA_DIR'] ? settings : { ...(await newDatabase()), ...settings },
  );
  const users = {
    buyer: await register(shop, 'viewer'),
    seller: await register(shop, 'creator'),
    user: await register(shop, 'viewer'), // who logs out now and then
  };
  return {
    ...shop,
    users,
    known: await stock(shop, users),
    tokenOf: (caller) => (caller === 'anyone' ? undefined : users[caller].access),
    ...openAsker(shop.port),
    async renew(caller) {
      const { email, password } = users[caller];
      const { body } = await shop.call('POST /auth/login/', { body: { email, password } });
      Object.assign(users[caller], { access: body.access, refresh: body.refresh });
    },
    async megabytes() {
      const { text } = await shop.call('GET /metrics');
      return Number(/^process_resident_memory_bytes (\S+)/m.exec(text)?.[1]) / 1024 ** 2;
    },
  };
}

/** A category, a product and an order, so that requests reach the database. */
async function stock(
  shop: ServedShop,
  { buyer, seller }: { buyer: User; seller: User },
): Promise<FuzzShop['known']> {
  const make = async (route: string, body: object): Promise<string> => {
    const answer = await shop.call(route, { token: seller.access, body });
    assert.equal(answer.status, 201, answer.text);
    return answer.body.id;
  };
  const category = await make('POST /category/', { name: 'Things', description: 'All sorts' });
  const usual = { name: 'Bell', description: 'It rings', price: 19.99, stock: 1_000_000 };
  const product = await make('POST /product/', { ...usual, category_id: category });
  const order = await ordered(shop, buyer, { product_id: product });
  return new Map([
    ['category', category],
    ['category_id', category],
    ['product_id', product],
    ['id', product],
    ['/delete-category/ id', category],
    ['order_id', order],
    ['refresh', seller.refresh],
    ['email', seller.email],
    ['password', seller.password],
  ]);
}

export const someName = (): string => randomBytes(6).toString('hex');
