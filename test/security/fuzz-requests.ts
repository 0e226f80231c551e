import assert from 'node:assert/strict';
import type { Json } from '../harness.ts';
import { type Field, nameOf, type Route } from './fuzz-routes.ts';
import { type FuzzShop, someName } from './fuzz-shop.ts';
import type { WireRequest } from './wire.ts';

// The usual request to a route, to be changed in one place.

/** A value that the route takes. */
function usualValue(shop: FuzzShop, route: Route, field: Field): unknown {
  const name = nameOf(field);
  const { schema } = field;
  if (route.path.includes('register') && name === 'email') return `${someName()}@example.com`;
  if (route.path.includes('logout') && name === 'refresh') return shop.users.user.refresh;
  const known = shop.known.get(`${route.path} ${name}`) ?? shop.known.get(name);
  if (known !== undefined) return known;
  assert.notEqual(
    schema.format,
    'uuid',
    `say in fuzz-shop.ts which id ${route.path} ${name} takes`,
  );
  const [example] = schema.examples ?? schema.enum ?? [];
  if (example !== undefined) return example;
  if (schema.type === 'boolean') return true;
  if (schema.type === 'integer' || schema.type === 'number') return schema.minimum ?? 1;
  return name === 'page' ? '1' : 'Bell';
}

export type Encoding = 'json' | 'form' | 'multipart';

/** A request with usual values, but for those that `changes` gives by field. */
export function usualRequest(
  shop: FuzzShop,
  route: Route,
  { changes = new Map(), encoding = 'json' }: RequestOptions = {},
): WireRequest {
  const token = shop.tokenOf(route.caller);
  const headers: Record<string, string> = token ? { Authorization: `Bearer ${token}` } : {};
  const query = new URLSearchParams();
  let body: unknown = {};
  for (const field of route.fields) {
    const value = changes.has(field) ? changes.get(field) : usualValue(shop, route, field);
    if (field.in === 'query') query.set(nameOf(field), textOf(value));
    else if (field.in === 'header') headers[nameOf(field)] = headerText(changes, field, value);
    else body = put(body, field.path, value);
  }
  const path = query.size > 0 ? `${route.path}?${query.toString()}` : route.path;
  if (route.body === undefined) return { method: route.method, path, headers };
  const { type, text } = encode(body as Record<string, unknown>, encoding);
  return { method: route.method, path, headers: { ...headers, 'Content-Type': type }, body: text };
}

interface RequestOptions {
  changes?: Map<Field, unknown>;
  encoding?: Encoding;
}

/** A key of an earlier request would answer with what came of that. */
const headerText = (changes: Map<Field, unknown>, field: Field, value: unknown): string =>
  changes.has(field) ? textOf(value) : `${textOf(value)} ${someName()}`;

function put(target: unknown, [key, ...rest]: Field['path'], value: unknown): unknown {
  if (key === undefined) return value;
  const copy: Json =
    typeof key === 'number' ? [...((target as unknown[]) ?? [])] : { ...(target as object) };
  copy[key] = put(copy[key], rest, value);
  return copy;
}

const boundary = 'a-boundary-that-no-string-holds';

/** Lists and objects go as JSON text: forms have no others. */
const textOf = (value: unknown): string =>
  typeof value === 'string' ? value : JSON.stringify(value);

export function encode(
  fields: Record<string, unknown>,
  encoding: Encoding,
): { type: string; text: string } {
  if (encoding === 'json') return { type: 'application/json', text: JSON.stringify(fields) };
  const flat = Object.entries(fields).map(([name, value]): [string, string] => [
    name,
    textOf(value),
  ]);
  if (encoding === 'form') {
    const type = 'application/x-www-form-urlencoded';
    return { type, text: new URLSearchParams(flat).toString() };
  }
  const parts = flat.map(
    ([name, value]) =>
      `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  );
  const type = `multipart/form-data; boundary=${boundary}`;
  return { type, text: `${parts.join('')}--${boundary}--\r\n` };
}
