import { randomBytes } from 'node:crypto';
import { type Bench, inParallel } from './bench.ts';

export const BUYERS = 64;
export const SELLERS = 64;
export const PRODUCTS_OF_SELLER = 10;
export const PRODUCTS = SELLERS * PRODUCTS_OF_SELLER;
export const STOCK = 1_000_000_000; // no run sells out

const AT_ONCE = 8;

/** What the order workloads need, made through the shop's API. */
export interface Market {
  buyerTokens: string[];
  productIds: string[];
}

interface Call {
  token?: string | undefined;
  body: object;
}

/** A call of the API that must answer 201. */
export async function post<Body>(url: string, { token, body }: Call): Promise<Body> {
  const headers: Record<string, string> = { 'content-type': 'application/json' };
  if (token !== undefined) headers['authorization'] = `Bearer ${token}`;
  const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  if (answer.status !== 201) throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as Body;
}

/** A new account. @returns its access token */
export async function register(url: string, userType: 'creator' | 'viewer'): Promise<string> {
  const email = `${randomBytes(8).toString('hex')}@bench.example`;
  const password = randomBytes(12).toString('base64url');
  const body = { email, password, user_type: userType };
  return (await post<{ access: string }>(`${url}/auth/register-user/`, { body })).access;
}

/** Registers sellers and buyers once, and offers products, one category a seller. */
export async function openMarket(bench: Bench, url: string): Promise<Market> {
  const one = Array.from({ length: SELLERS }, (_, index) => index);
  const sellers = await inParallel(
    bench,
    { what: 'sellers', items: one, atOnce: AT_ONCE },
    async () => {
      const token = await register(url, 'creator');
      const body = { name: 'Things', description: 'All sorts of them' };
      const category = await post<{ id: string }>(`${url}/category/`, { token, body });
      return { token, categoryId: category.id };
    },
  );
  const buyerTokens = await inParallel(
    bench,
    { what: 'buyers', items: one.slice(0, BUYERS), atOnce: AT_ONCE },
    () => register(url, 'viewer'),
  );
  const offers = Array.from({ length: PRODUCTS }, (_, index) => index);
  const productIds = await inParallel(
    bench,
    { what: 'products', items: offers, atOnce: AT_ONCE },
    async (index) => {
      const { token, categoryId } = sellers[index % SELLERS] as (typeof sellers)[number];
      const name = `Product ${index + 1}`;
      const description = 'A thing to be bought as often as can be';
      const body = { name, description, price: 19.99, stock: STOCK, category_id: categoryId };
      return (await post<{ id: string }>(`${url}/product/`, { token, body })).id;
    },
  );
  return { buyerTokens, productIds };
}
