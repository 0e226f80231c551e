import { hashPassword } from '../src/features/accounts/passwords.ts';
import { openTokens } from '../src/features/accounts/tokens.ts';
import type { Bench, Souk } from './bench.ts';
import { fillStatements, type MarketSize, sessionId } from './market-rows.ts';
import { insertOrders } from './order-rows.ts';
import { withDatabase } from './souk.ts';

export const size: MarketSize = { sellers: 64, buyers: 1_000, products: 10_000 };
/** in the past of each buyer, so that a page of orders is full */
export const ORDERS_OF_BUYER = 10;
export const LINES_OF_ORDER = 5;
/** of every account */
export const PASSWORD = 'of all of the market';
/** a second database of the same server, for the limits that write */
export const LIMIT_DATABASE = 'limit_shop';

/** A shop with people and products. Users are 1, 2, 3 …: the sellers, then the buyers. */
export interface Market {
  souk: Souk;
  /** The headers that admit a user. */
  headersOf(userId: number): Record<string, string>;
}

/** The user id of the nth buyer, from 0. */
export const buyerId = (index: number): number => size.sellers + 1 + index;

export const emailOf = (userId: number): string => `user${userId}@bench.example`;

/** Fills a new shop, by statements that keep all invariants: registering costs 12 ms of hashing. */
export async function openMarket(
  bench: Bench,
  souk: Souk,
  options: { databases?: string[]; smaller?: Partial<MarketSize> } = {},
): Promise<Market> {
  const { databases = ['souk'], smaller } = options;
  const passwordHash = await hashPassword(PASSWORD);
  const full = { ...size, ...smaller };
  for (const name of databases) {
    const { sellers, buyers, products } = full;
    bench.say(`  ${sellers} sellers, ${buyers} buyers, ${products} products in ${name}`);
    if (name !== 'souk') {
      await withDatabase(souk.database, 'souk', (client) =>
        client.query(`CREATE DATABASE ${name}`),
      );
      await souk.command(['migrate'], name);
    }
    await withDatabase(souk.database, name, async (client) => {
      for (const query of fillStatements(full, passwordHash)) await client.query(query);
      await insertOrders(client, pastOrders(full));
    });
  }
  await settle(souk, databases);
  const lifetimes = { accessTokenMinutes: 24 * 60, refreshTokenHours: 24 };
  const tokens = openTokens(Buffer.from(souk.jwtSecret), lifetimes);
  return {
    souk,
    headersOf: (userId) => ({
      authorization: `Bearer ${tokens.sign('access', { userId, sessionId: sessionId(userId) })}`,
    }),
  };
}

/** The past of the shop: without one PostgreSQL plans for empty tables. */
const pastOrders = ({ sellers, buyers, products }: MarketSize) => ({
  orders: buyers * ORDERS_OF_BUYER,
  lines: LINES_OF_ORDER,
  firstBuyer: sellers + 1,
  buyers,
  sellers,
  products,
});

/** The databases begin without dead rows and with statistics. */
export async function settle(souk: Souk, databases = ['souk', LIMIT_DATABASE]): Promise<void> {
  for (const name of databases) {
    await withDatabase(souk.database, name, (client) => client.query('VACUUM ANALYZE'));
  }
}
