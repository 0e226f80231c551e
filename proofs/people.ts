import { randomBytes } from 'node:crypto';
import type { Json, User } from '../test/harness.ts';
import type { Ask, Client } from './client.ts';

/** Somebody with an account. */
export type Person = User;

/** Asks until there is the answer that must come; for making things before a proof begins. */
export async function obtain(
  client: Client,
  url: string,
  { route, status, ...ask }: Ask & { route: string; status: number },
): Promise<Json> {
  const { outcome, body } = await client.send(url, route, ask);
  if (outcome === status) return body;
  throw new Error(`${route}: ${outcome} ${JSON.stringify(body)}`);
}

export async function register(
  client: Client,
  url: string,
  user_type: 'viewer' | 'creator',
): Promise<Person> {
  const email = `${randomBytes(8).toString('hex')}@example.com`;
  const password = randomBytes(9).toString('base64url');
  const body = { email, password, user_type };
  const route = 'POST /auth/register-user/';
  const { user, access, refresh } = await obtain(client, url, { route, status: 201, body });
  return { id: user.id, email, password, access, refresh };
}

/** Products of the seller, all in one new category. @returns their ids */
export async function offer(
  client: Client,
  url: string,
  { seller, products }: { seller: Person; products: { price: number; stock: number }[] },
): Promise<string[]> {
  const token = seller.access;
  const things = { name: 'Things', description: 'All sorts' };
  const make = (route: string, body: object): Promise<Json> =>
    obtain(client, url, { route, status: 201, token, body });
  const { id: category_id } = await make('POST /category/', things);
  const ids: string[] = [];
  for (const [index, product] of products.entries()) {
    const named = { name: `Thing ${index + 1}`, description: 'One of them', category_id };
    ids.push((await make('POST /product/', { ...named, ...product })).id);
  }
  return ids;
}
