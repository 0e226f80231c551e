import { createHmac } from 'node:crypto';
import { type Json, jwtSecret } from '../harness.ts';

const base64url = (value: unknown): string =>
  Buffer.from(JSON.stringify(value)).toString('base64url');

/** The header and the claims of a JWT, without a look at its signature. */
export function decodeToken(token: string): { header: Json; claims: Json } {
  const read = (part = ''): Json => JSON.parse(Buffer.from(part, 'base64url').toString());
  const [header, claims] = token.split('.');
  return { header: read(header), claims: read(claims) };
}

interface Forgery {
  /** laid over the claims; undefined removes one */
  claims?: Record<string, unknown>;
  algorithm?: 'HS256' | 'HS384' | 'HS512' | 'none';
  key?: string;
}

/** A token like `model`, changed and signed anew; with the shop's key unless another is given. */
export function forgeToken(model: string, forgery: Forgery = {}): string {
  const { algorithm = 'HS256', key = jwtSecret } = forgery;
  const { header, claims } = decodeToken(model);
  const content = [
    base64url({ ...header, alg: algorithm }),
    base64url({ ...claims, ...forgery.claims }),
  ].join('.');
  if (algorithm === 'none') return `${content}.`;
  const hash = `sha${algorithm.slice(2)}`;
  return `${content}.${createHmac(hash, key).update(content).digest('base64url')}`;
}

const hourAgo = (): number => Math.floor(Date.now() / 1000) - 3600;

/** The same token, signed by the shop and run out. */
export function expireToken(model: string): string {
  return forgeToken(model, { claims: { iat: hourAgo() - 60, exp: hourAgo() } });
}
