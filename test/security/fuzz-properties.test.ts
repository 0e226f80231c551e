import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { cleanUp } from '../program.ts';
import { type Encoding, usualRequest } from './fuzz-requests.ts';
import { type Field, nameOf, type Route, readRoutes } from './fuzz-routes.ts';
import { type FuzzShop, isFull, openFuzzShop } from './fuzz-shop.ts';
import { jsonOf } from './wire.ts';

// Requests made from the schemas of the document, and changed at random. A failure prints the seed
// and the path to it: FUZZ_SEED and FUZZ_PATH repeat it, FUZZ_RUNS says how many for each route.

const numRuns = Number(process.env['FUZZ_RUNS'] ?? (isFull ? 1_000 : 25));
const seed = process.env['FUZZ_SEED'];
const path = process.env['FUZZ_PATH'];
const again = { ...(seed ? { seed: Number(seed) } : {}), ...(path ? { path } : {}) };

let shop: FuzzShop;
let routes: Route[];
before(async () => {
  shop = await openFuzzShop();
  routes = (await readRoutes(shop)).filter(({ fields }) => fields.length > 0);
});
after(cleanUp);

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.string({ unit: 'grapheme', maxLength: 300 }),
  fc.emailAddress(),
  fc.uuid(),
  fc.constantFrom('', ' ', '0', '-1', '1e3', 'null', 'true', '\0', 'last', 'shipped', 'viewer'),
);
const anything = fc.oneof(
  { weight: 4, arbitrary: text },
  fc.double(),
  fc.integer(),
  fc.boolean(),
  fc.constant(null),
  fc.array(text, { maxLength: 3 }),
  fc.jsonValue({ maxDepth: 4 }),
  fc.dictionary(fc.constantFrom('__proto__', 'constructor', 'id', 'a'), text, { maxKeys: 3 }),
);

/** What to put in the place of which fields, and how to send it. */
const mutation = (route: Route) =>
  fc.record({
    changes: fc.dictionary(
      fc.nat(route.fields.length - 1).map(String),
      fc.oneof({ weight: 9, arbitrary: anything }, fc.constant(undefined)),
      { minKeys: 1, maxKeys: route.fields.length },
    ),
    encoding: fc.constantFrom<Encoding>('json', 'json', 'form', 'multipart'),
  });

/** Headers cannot say everything: see smuggling.test.ts for what they cannot. */
const inHeader = (value: unknown): string =>
  encodeURIComponent(JSON.stringify([value]).toWellFormed()).slice(0, 1_000);

test('any request is answered, and what is taken comes back', async () => {
  for (const route of routes) {
    const one = fc.asyncProperty(mutation(route), async ({ changes, encoding }) => {
      const changed = new Map<Field, unknown>();
      for (const [index, value] of Object.entries(changes)) {
        const field = route.fields[Number(index)];
        if (field) changed.set(field, field.in === 'header' ? inHeader(value) : value);
      }
      const answer = await shop.ask(usualRequest(shop, route, { changes: changed, encoding }));
      const body = jsonOf(answer);
      if (route.path === '/auth/logout/' && answer.status === 200) await shop.renew('user');
      if (answer.status !== 200 && answer.status !== 201) return;
      for (const [field, value] of changed) {
        const name = nameOf(field);
        if (field.in !== 'body' || encoding !== 'json' || typeof value !== 'string') continue;
        if (!['name', 'description', 'username'].includes(name) || !(name in body)) continue;
        assert.equal(body[name] ?? '', value.trim());
      }
    });
    await fc.assert(one, { numRuns, ...again }).catch((error: Error) => {
      throw new Error(`${route.method} ${route.path}: ${error.message}`, { cause: error });
    });
  }
});
