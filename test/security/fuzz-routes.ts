import assert from 'node:assert/strict';
import type { Field as FieldSchema } from '../../src/features/classic/fields.ts';
import type { Json } from '../harness.ts';
import type { ServedShop } from '../program.ts';

// Every route and field of /openapi.json, so that a new one is tried without anybody's doing.

export type Caller = 'anyone' | 'user' | 'buyer' | 'seller';

export interface Schema extends FieldSchema {
  examples?: unknown[];
  items?: Schema;
  properties?: Record<string, Schema>;
}

export interface Field {
  in: 'body' | 'query' | 'header';
  /** where it is in the body: keys, and 0 for the one item of a list */
  path: (string | number)[];
  schema: Schema;
}

export interface Route {
  method: string;
  path: string;
  caller: Caller;
  /** those of the body are its leaves */
  fields: Field[];
  body: Schema | undefined;
}

export const nameOf = ({ path }: Field): string => String(path.findLast(isName));
const isName = (key: string | number): key is string => typeof key === 'string';

export async function readRoutes(shop: ServedShop): Promise<Route[]> {
  const { body: document } = await shop.call('GET /openapi.json');
  const routes = Object.entries<Json>(document.paths).flatMap(([path, methods]) =>
    Object.entries<Json>(methods).map(([method, operation]): Route => {
      const body = operation.requestBody?.content['application/json'].schema;
      const parameters: Json[] = operation.parameters ?? [];
      return {
        method: method.toUpperCase(),
        path,
        caller: callerOf(operation),
        body,
        fields: [
          ...(body ? leaves(body, []) : []),
          ...parameters.map((one) => ({ in: one.in, path: [one.name], schema: one.schema })),
        ],
      };
    }),
  );
  assert.ok(routes.length >= 20, `only ${routes.length} routes are documented`);
  return routes;
}

export function routeOf(routes: Route[], method: string, path: string): Route {
  const found = routes.find((route) => route.method === method && route.path === path);
  assert.ok(found, `${method} ${path} is not documented`);
  return found;
}

/** The document says it in words. */
function callerOf({ description }: Json): Caller {
  const callers: [RegExp, Caller][] = [
    [/Open: needs no token/, 'anyone'],
    [/For buyers\./, 'buyer'],
    [/For sellers and operators\./, 'seller'],
    [/For everybody who is logged in\./, 'user'],
  ];
  const found = callers.find(([words]) => words.test(description))?.[1];
  assert.ok(found, `who may call is not said: ${description}`);
  return found;
}

function leaves(schema: Schema, path: Field['path']): Field[] {
  if (schema.properties) {
    return Object.entries(schema.properties).flatMap(([name, one]) => leaves(one, [...path, name]));
  }
  if (schema.items) return leaves(schema.items, [...path, 0]);
  return [{ in: 'body', path, schema }];
}
