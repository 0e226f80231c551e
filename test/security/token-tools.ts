import { createHmac, generateKeyPairSync, sign as signBytes } from 'node:crypto';
import { decodeToken } from '../contract/accounts-tokens.ts';
import { type Json, jwtSecret, type User } from '../harness.ts';

// What the rows of the table of malformed tokens are made with.

/** Somebody whose tokens are bent, somebody else, and a session that has ended. */
export interface Cast {
  user: User;
  other: User;
  ended: User;
  /** a fresh ticket that opens a socket of the user */
  ticket: string;
}

/** A token to bend: what the user has for this place, access or refresh. */
export interface Model extends Cast {
  token: string;
  header: Json;
  claims: Json;
}

/** Why it is refused; `ok` where the standards let it pass. */
export type Verdict = 'invalid' | 'expired' | 'wrong type' | 'gone' | 'ended' | 'ok';

export interface TokenRow {
  name: string;
  make(model: Model): string;
  verdict?: Verdict;
  /** as a refresh token, where that differs */
  asRefresh?: Verdict;
  /** why it may pass, or why it cannot be sent in a header */
  because?: string;
  /** characters that a header cannot carry */
  notInHeaders?: boolean;
}

export const row = (
  name: string,
  make: TokenRow['make'],
  more: Partial<TokenRow> = {},
): TokenRow => ({
  name,
  make,
  ...more,
});

export function modelOf(cast: Cast, type: 'access' | 'refresh'): Model {
  const token = cast.user[type];
  return { ...cast, token, ...decodeToken(token) };
}

export const base64url = (text: string): string => Buffer.from(text).toString('base64url');

export const hmac = (content: string, hash = 'sha256', key: string = jwtSecret): string =>
  createHmac(hash, key).update(content).digest('base64url');

/** Signs these texts as they are: header and claims need not be JSON. */
export function signTexts(header: string, claims: string, key?: string): string {
  const content = `${base64url(header)}.${base64url(claims)}`;
  return `${content}.${hmac(content, 'sha256', key)}`;
}

/** The model with other claims (undefined removes one), signed by the shop's own key. */
export const withClaims = ({ header, claims }: Model, changed: object): string =>
  signTexts(JSON.stringify(header), JSON.stringify({ ...claims, ...changed }));

/** The same with other header parameters. */
export const withHeader = ({ header, claims }: Model, changed: object): string =>
  signTexts(JSON.stringify({ ...header, ...changed }), JSON.stringify(claims));

/** The claims as text, with one written as JavaScript would not write it. */
export function withRawClaim({ header, claims }: Model, name: string, raw: string): string {
  const { [name]: _left, ...others } = claims;
  return signTexts(
    JSON.stringify(header),
    `${JSON.stringify(others).slice(0, -1)},"${name}":${raw}}`,
  );
}

/** An unsigned token whose header names this algorithm. */
export function unsigned({ header, claims }: Model, alg: unknown): string {
  return `${base64url(JSON.stringify({ ...header, alg }))}.${base64url(JSON.stringify(claims))}.`;
}

/** Signed with the shop's secret by another hash. */
export function hashed({ header, claims }: Model, alg: string, hash: string): string {
  const [head, body] = unsigned({ header, claims } as Model, alg).split('.');
  return `${head}.${body}.${hmac(`${head}.${body}`, hash)}`;
}

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const elliptic = generateKeyPairSync('ec', { namedCurve: 'P-256' });
export const publicJwk = rsa.publicKey.export({ format: 'jwk' });
export const publicPem = String(rsa.publicKey.export({ format: 'pem', type: 'spki' }));

/** Signed by a private key of the attacker's own. */
export function keyPaired(model: Model, alg: 'RS256' | 'ES256', more: object = {}): string {
  const header = JSON.stringify({ ...model.header, alg, ...more });
  const content = `${base64url(header)}.${base64url(JSON.stringify(model.claims))}`;
  const { privateKey: key } = alg === 'RS256' ? rsa : elliptic;
  const signature = signBytes('sha256', Buffer.from(content), { key, dsaEncoding: 'ieee-p1363' });
  return `${content}.${signature.toString('base64url')}`;
}

export const parts = ({ token }: Model): [head: string, claims: string, signature: string] => {
  const [head = '', claims = '', signature = ''] = token.split('.');
  return [head, claims, signature];
};

export const nowSeconds = (): number => Math.floor(Date.now() / 1000);
