import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Check } from 'typebox/schema';
import { projectRoot } from '../../src/kernel/root.ts';
import { type Answer, type Json, openShop, type TestShop, type User } from '../harness.ts';
import { ordered } from '../shopping.ts';
import { allEndpoints, type Endpoint, shopEndpoints, takesBody } from './rules-endpoints.ts';

let shop: TestShop;
let seller: User;
let buyer: User;
let document: Json;
before(async () => {
  shop = await openShop();
  seller = await shop.seller();
  buyer = await shop.buyer();
  document = (await shop.call('GET /openapi.json')).body;
});
after(() => shop.close());

/** `GET /path` and its operation, for every operation of the document. */
const operations = (): [name: string, operation: Json][] =>
  Object.entries<Json>(document.paths).flatMap(([path, methods]) =>
    Object.entries<Json>(methods).map(([method, operation]): [string, Json] => [
      `${method.toUpperCase()} ${path}`,
      operation,
    ]),
  );

const operationOf = ({ method, path }: Pick<Endpoint, 'method' | 'path'>): Json =>
  document.paths[path][method.toLowerCase()];

const bodyOf = (operation: Json): Json => operation.requestBody.content['application/json'].schema;

/** Every route of the app, read from Fastify's printed tree: `GET /path`. */
function routes(): string[] {
  const line = /^((?:[│ ] {3})*)[├└]── (?:\(empty root node\))?(.*?)(?: \(([A-Z, ]+)\))?$/gm;
  const above: string[] = []; // the parts of the path, by depth
  return [...shop.app.http.printRoutes().matchAll(line)].flatMap(
    ([, indent = '', part = '', methods]) => {
      above.splice(indent.length / 4, Infinity, part);
      return (methods?.split(', ') ?? []).map((method) => `${method} ${above.join('')}`);
    },
  );
}

test('the document is of OpenAPI 3.1 and of the version of the package', () => {
  const manifest = readFileSync(join(projectRoot(), 'package.json'), 'utf8');
  const { version, license } = JSON.parse(manifest);
  const { openapi, info } = document;
  assert.deepEqual([openapi, info.title, info.version], ['3.1.0', 'Souk', version]);
  assert.equal(info.license.identifier, license);
  assert.deepEqual(document.security, [{ bearer: [] }]);
  const { bearer } = document.components.securitySchemes;
  assert.deepEqual(bearer, { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' });
});

test('every route is in it, but for /app, which repeats them, and the page itself', () => {
  const unslashed = operations().map(([name]) => name.replace(/\/$/, ''));
  const all = routes().filter((route) => !/^HEAD | \/docs(?:\/|$)/.test(route));
  const below = all.filter((route) => route.includes(' /app/'));
  const shown = all.filter((route) => !below.includes(route));
  assert.deepEqual(unslashed.toSorted(), shown.toSorted());
  assert.ok(below.every((route) => shown.includes(route.replace('/app/', '/'))));
});

test('every operation says what it does, who may call it, and what it answers', () => {
  const ids = operations().map(([, operation]) => operation.operationId);
  assert.equal(new Set(ids).size, ids.length, 'operationIds are unique');
  for (const [name, operation] of operations()) {
    assert.match(operation.summary, /^[A-Z].{4,}/, name);
    assert.match(operation.description, /^(?:For .*|Open: .*)\.$/m, name);
    assert.equal(operation.tags.length, 1, name);
    const statuses = Object.keys(operation.responses);
    assert.equal(statuses.filter((status) => status.startsWith('2')).length, 1, name);
    for (const status of statuses) {
      const { description, content } = operation.responses[status];
      assert.ok(description.length > 1 && description !== 'Default Response', `${name} ${status}`);
      if (status === '304') assert.equal(content, undefined, `${name} ${status}`);
      else assert.ok(Object.values<Json>(content)[0].schema.type, `${name} ${status}`);
    }
  }
  const tags = new Set(document.tags.map((tag: Json) => tag.name));
  assert.deepEqual(new Set(operations().map(([, operation]) => operation.tags[0])), tags);
});

test('the open calls need no token, and all others do', () => {
  const open = allEndpoints.filter(({ caller }) => caller === 'anyone');
  const names = open.map(({ method, path }) => `${method} ${path}`);
  const outside = ['/healthz', '/readyz', '/metrics', '/openapi.json'].map((path) => `GET ${path}`);
  const free = operations().filter(([, { security }]) => security !== undefined);
  assert.deepEqual(free.map(([name]) => name).toSorted(), [...names, ...outside].toSorted());
  for (const [name, { security }] of free) assert.deepEqual(security, [], name);
});

for (const endpoint of allEndpoints) {
  const { method, path, caller } = endpoint;
  test(`${method} ${path} lists the errors it can give`, () => {
    const { responses, requestBody } = operationOf(endpoint);
    const expected = [503, caller === 'anyone' ? 429 : 401];
    if (requestBody !== undefined || path.startsWith('/delete-')) expected.push(400);
    if (/delete-|update-|place-|-product|-user-order/.test(path)) expected.push(404);
    if (path === '/place-order/') expected.push(422);
    else if (caller === 'buyer' || caller === 'seller') expected.push(403);
    for (const status of expected) assert.ok(status in responses, String(status));
    for (const status of [429, 503]) {
      assert.ok(!(status in responses) || 'Retry-After' in responses[status].headers);
    }
  });
}

/** Fails unless the document knows of such an answer. */
function assertDocumented(endpoint: Pick<Endpoint, 'method' | 'path'>, answer: Answer): void {
  const { status, text, body } = answer;
  const documented = operationOf(endpoint).responses[status];
  assert.ok(documented, `${endpoint.method} ${endpoint.path} may answer ${status} ${text}`);
  const { schema } = documented.content['application/json'];
  assert.ok(Check(schema, body), `${status} ${text} is not ${JSON.stringify(schema)}`);
}

for (const endpoint of shopEndpoints) {
  const { method, path, caller, empty } = endpoint;
  const route = `${method} ${path}`;
  test(`${route} answers as documented: without a token, to the wrong role, empty`, async () => {
    assertDocumented(endpoint, await shop.call(route));
    const [right, wrong] = caller === 'buyer' ? [buyer, seller] : [seller, buyer];
    assertDocumented(endpoint, await shop.call(route, { token: wrong.access }));
    const body = takesBody(endpoint) ? {} : undefined;
    const answer = await shop.call(route, { token: right.access, body });
    assert.equal(answer.status, empty[0]);
    assertDocumented(endpoint, answer);
  });
}

test('full answers are as documented too', async () => {
  const { id } = await shop.product(seller);
  const call = async (route: string, token: string, body?: object): Promise<Json> => {
    const answer = await shop.call(route, { token, body });
    const [method = '', path = ''] = route.split(/ |\?/);
    assert.ok(answer.status < 300, answer.text);
    assertDocumented({ method: method as Endpoint['method'], path }, answer);
    return answer.body;
  };
  await call('POST /cart/', buyer.access, { product_id: id, quantity: 2 });
  await call('GET /cart/', buyer.access);
  const { order_id } = await call('POST /place-order/', buyer.access);
  await call('PATCH /update-order-status/', seller.access, { order_id, status: 'shipped' });
  await call('GET /list-user-order/', buyer.access);
  await call('GET /list-product/', buyer.access);
  await call('PATCH /product/', seller.access, { id, stock: 3 });
  await call('DELETE /delete-product/?id=' + id, seller.access);
  await call('GET /list-category/', buyer.access);
  await call('POST /auth/ws-ticket/', buyer.access);
});

/** What the page at /docs writes into the field of a body. */
function exampleOf(schema: Json, at: string): Json {
  if (schema.type === 'array') return [exampleOf(schema.items, at)];
  if (schema.properties === undefined) {
    assert.ok(schema.examples?.length > 0, `${at} has no example`);
    assert.ok(Check(schema, schema.examples[0]), `the example of ${at} is not valid`);
    return schema.examples[0];
  }
  const fields = Object.entries<Json>(schema.properties);
  return Object.fromEntries(fields.map(([name, one]) => [name, exampleOf(one, `${at}.${name}`)]));
}

test('every body has examples; those of registration and login work as they are', async () => {
  for (const endpoint of allEndpoints.filter(takesBody)) {
    const operation = operationOf(endpoint);
    const takesNone = endpoint.path === '/auth/ws-ticket/';
    assert.equal(operation.requestBody === undefined, takesNone, endpoint.path);
    if (!takesNone) exampleOf(bodyOf(operation), endpoint.path);
  }
  for (const path of ['/auth/register-user/', '/auth/login/']) {
    const body = exampleOf(bodyOf(operationOf({ method: 'POST', path })), path);
    assert.ok((await shop.call(`POST ${path}`, { body })).status < 300, path);
  }
});

test('a body may be left out exactly where nothing in it is required', () => {
  const optional = operations().filter(([, { requestBody }]) => requestBody?.required === false);
  const names = optional.map(([name]) => name);
  assert.deepEqual(names.toSorted(), ['POST /auth/logout/', 'POST /place-order/']);
});

test('parameters have no examples: the page would send them as filters', () => {
  const parameters = operations().flatMap(([, operation]) => operation.parameters ?? []);
  assert.ok(parameters.length > 10);
  assert.doesNotMatch(JSON.stringify(parameters), /"examples?":/);
});

const words = `type format properties required additionalProperties items anyOf enum minimum
  maximum maxLength default description examples`.split(/\s+/);

/** The keywords of a schema and of those in it. */
const keywordsOf = (schema: Json): string[] => {
  const { properties = {}, anyOf = [], items, additionalProperties } = schema;
  const inner = [...Object.values<Json>(properties), ...anyOf, items, additionalProperties];
  return [...Object.keys(schema), ...inner.filter(Boolean).flatMap(keywordsOf)];
};

test('schemas hold no keyword that JSON Schema does not know', () => {
  const schemas = operations().flatMap(([, { requestBody, responses, parameters = [] }]) => {
    const bodies = [requestBody, ...Object.values<Json>(responses)].filter(Boolean);
    const media = bodies.flatMap(({ content = {} }) => Object.values<Json>(content));
    return [...media, ...parameters].map(({ schema }) => schema);
  });
  const used = [...schemas, document.components.schemas.Notification].flatMap(keywordsOf);
  assert.ok(used.length > 1_000);
  assert.deepEqual(new Set(used.filter((word) => !words.includes(word))), new Set());
});

test('the Idempotency-Key of an order is a header that may be left out', () => {
  const [header] = operationOf({ method: 'POST', path: '/place-order/' }).parameters;
  assert.deepEqual([header.name, header.in], ['Idempotency-Key', 'header']);
  assert.ok(!header.required && header.schema.maxLength === 255);
});

test('what a socket receives is the Notification of the document, and nothing else', async () => {
  const socket = await shop.socket(`/ws/notifications/?token=${buyer.access}`);
  await ordered(shop, buyer, { product_id: (await shop.product(seller)).id });
  const [message] = await socket.receive(1);
  const { Notification } = document.components.schemas;
  assert.ok(Check(Notification, message as object), JSON.stringify(message));
  const names = Object.keys(Notification.properties);
  assert.deepEqual(Object.keys(message).toSorted(), names.toSorted());
  const { description } = document.tags.find((tag: Json) => tag.name === 'notifications');
  assert.match(description, /\/ws\/notifications\/\?token=.*after=.*4401.*4403.*4008.*4409/s);
  await socket.close();
});

test('the page runs what this shop serves, and nothing from elsewhere', async () => {
  const page = await shop.call('GET /docs');
  assert.equal(page.status, 200);
  const policy = page.headers.get('content-security-policy') ?? '';
  assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self';/);
  assert.doesNotMatch(policy, /https?:|\*|unsafe|[a-z]\.[a-z]/);
  assert.doesNotMatch(page.text, /(?:src|href)="(?:https?:)?\/\//);
  assert.deepEqual((await shop.call('GET /docs/json')).body, document);
});
