import type pg from 'pg';
import { type Account, type Client, register } from './growth-client.ts';
import type { Size } from './growth-sizes.ts';

export const CART_LINES = 100; // the most that a cart holds
const STOCK = 1_000_000_000; // no run sells out

/** Those who ask, at every size the same; made through the shop's API. */
export interface Cast {
  /** with a category and products of its own */
  seller: Account;
  categoryId: string;
  productIds: string[];
  /** places orders */
  buyer: Account;
  /** has a cart */
  shopper: Account;
  /** has ten orders */
  regular: Account;
}

/** Where the operations happen. */
export interface World extends Cast {
  client: Client;
  db: pg.Client;
  size: Size;
}

export async function openCast(client: Client): Promise<Cast> {
  const [seller, buyer, shopper, regular] = [
    await register(client, 'creator'),
    await register(client, 'viewer'),
    await register(client, 'viewer'),
    await register(client, 'viewer'),
  ];
  const { access: token } = seller;
  const body = { name: 'Things of ours', description: 'All sorts of them' };
  const category = await client.call<{ id: string }>('POST /category/', { token, body });
  const productIds: string[] = [];
  while (productIds.length < CART_LINES) {
    const offer = { ...offerOf(productIds.length), category_id: category.id };
    const made = await client.call<{ id: string }>('POST /product/', { token, body: offer });
    productIds.push(made.id);
  }
  return { seller, categoryId: category.id, productIds, buyer, shopper, regular };
}

export const offerOf = (index: number): object => ({
  name: `Offer ${index}`,
  description: 'A thing to be bought as often as can be',
  price: 19.99,
  stock: STOCK,
});

/** The cart of the shopper then holds one each of so many products, and nothing else. */
export async function fillCart(
  { db, shopper, productIds }: Pick<World, 'db' | 'shopper' | 'productIds'>,
  lines: number,
): Promise<void> {
  await db.query('DELETE FROM cart_lines WHERE buyer_id = $1', [shopper.id]);
  await db.query(
    'INSERT INTO cart_lines SELECT $1, product_id, 1 FROM unnest($2::uuid[]) AS p (product_id)',
    [shopper.id, productIds.slice(0, lines)],
  );
}
