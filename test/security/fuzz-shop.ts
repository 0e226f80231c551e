import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { User } from '../harness.ts';
import { newDatabase } from '../program-data.ts';
import { type ServedShop, serve } from '../program.ts';
import { ordered } from '../shopping.ts';
import { register } from '../traffic.ts';
import type { Caller, Route } from './fuzz-routes.ts';
import { bytesOf, type Line, openLine, type WireAnswer, type WireRequest } from './wire.ts';

/** `FUZZ=full` tries everything everywhere; without it a part of it, for every run of the tests. */
export const isFull = process.env['FUZZ'] === 'full';

/** One in `oneIn` items, others for each `place`; all of them when everything is to be tried. */
export const someOf = <T>(items: readonly T[], oneIn: number, place = 0): T[] =>
  isFull ? [...items] : items.filter((_, index) => (index + place) % oneIn === 0);

const answerMs = 1_000; // the promise
const attempts = 3; // the machine of the tests may be busy: what is slow is slow every time

/** A real process under fire, and what is known of it. */
export interface FuzzShop extends ServedShop {
  users: Record<Exclude<Caller, 'anyone'>, User>;
  /** ids and the like that requests need to get anywhere, by field, or by path and field */
  known: Map<string, string>;
  tokenOf(caller: Caller): string | undefined;
  /** One request on one of a few connections; fails when it is a 5xx, slow, or not answered. */
  ask(request: WireRequest): Promise<WireAnswer>;
  /** Works on a few items at once; on those of the logout route, which may end it, on one. */
  askAll<T>(items: Iterable<T>, work: (item: T) => Promise<unknown>): Promise<void>;
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
  const ask = asker(shop.port);
  return {
    ...shop,
    users,
    known: await stock(shop, users),
    tokenOf: (caller) => (caller === 'anyone' ? undefined : users[caller].access),
    ask,
    askAll,
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
  const order = await ordered({ ...shop } as never, buyer, { product_id: product });
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

/** Connections that are kept, and used by one request at a time. */
function asker(port: number): FuzzShop['ask'] {
  const idle: Line[] = [];
  const askOnce = async (bytes: Buffer): Promise<WireAnswer> => {
    let line = idle.pop();
    if (line === undefined || line.hasEnded()) line = await openLine(port);
    line.send(bytes);
    const answer = await line.answer();
    assert.ok(answer, 'the connection ended without an answer');
    if (answer.headers.get('connection') === 'close') line.socket.destroy();
    else idle.push(line);
    return answer;
  };
  return async (request) => {
    const bytes = bytesOf(request);
    const times: number[] = [];
    for (;;) {
      const began = performance.now();
      const answer = await askOnce(bytes).catch((error: Error) => {
        throw new Error(`${error.message}: ${summary(bytes)}`);
      });
      times.push(Math.round(performance.now() - began));
      assert.ok(answer.status < 500, `${answer.status} to ${summary(bytes)}: ${answer.text}`);
      if ((times.at(-1) ?? 0) <= answerMs) return answer;
      assert.ok(times.length < attempts, `took ${times.join(', ')} ms: ${summary(bytes)}`);
    }
  };
}

const summary = (bytes: Buffer): string => {
  const text = bytes.toString('utf8');
  return JSON.stringify(text.replaceAll(/Bearer \S+/g, 'Bearer …').slice(0, 600));
};

const parallel = 4;

const endsSession = (item: unknown): boolean =>
  (item as { route?: Route }).route?.path === '/auth/logout/';

async function askAll<T>(items: Iterable<T>, work: (item: T) => Promise<unknown>): Promise<void> {
  const alone: T[] = [];
  const queue = items[Symbol.iterator]();
  const take = async (): Promise<void> => {
    for (let next = queue.next(); !next.done; next = queue.next()) {
      if (endsSession(next.value)) alone.push(next.value);
      else await work(next.value);
    }
  };
  await Promise.all(Array.from({ length: parallel }, take));
  for (const item of alone) await work(item);
}

export const someName = (): string => randomBytes(6).toString('hex');
