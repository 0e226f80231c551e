import type { CallOptions } from '../harness.ts';
import type { Caller, Kind, Thing, World } from './route-world.ts';

/** The caller's own thing, one of somebody else, and one that there is not. */
export const ofs = ['own', 'foreign', 'missing'] as const;
export type Of = (typeof ofs)[number];
type Triple = Record<Of, number>;

export interface Request extends CallOptions {
  query?: string;
  /** an access token to use instead of the caller's usual one */
  session?: string | undefined;
}

export interface Row {
  /** what is asked, where a route has several rows */
  name?: string;
  kind: Kind;
  request(asked: { thing: Thing; of: Of; world: World }): Request;
  statuses: Record<Caller, Triple>;
  /** the tables that change when it is allowed, and no others do */
  changes: Partial<Record<Of, string[]>>;
  /** it makes a user of its own */
  makesUser?: boolean;
  /** the caller's cart is emptied first */
  emptiesCart?: boolean;
}

export const triple = (own: number, foreign = own, missing = own): Triple => ({
  own,
  foreign,
  missing,
});

function roles(by: Record<'anonymous' | 'buyer' | 'seller' | 'operator', Triple>): Row['statuses'] {
  return { ...by, otherBuyer: by.buyer, otherSeller: by.seller };
}
/** Whoever calls, with or without a token. */
export const open = (status: Triple) =>
  roles({ anonymous: status, buyer: status, seller: status, operator: status });
export const signedIn = (status: Triple) => ({ ...open(status), anonymous: triple(401) });
export const buyers = (status: Triple, wrongRole = 403) => ({
  ...signedIn(triple(wrongRole)),
  buyer: status,
  otherBuyer: status,
});
export const sellers = (seller: Triple, operator: Triple = seller) => ({
  ...signedIn(triple(403)),
  seller,
  otherSeller: seller,
  operator,
});
/** What only its seller and an operator may touch. */
export const owners = (missing: number) =>
  sellers(triple(200, missing, missing), triple(200, 200, missing));
