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
  const open: string[] = []; // the parts of the path above the line, by depth
  return shop.app.http
    .printRoutes()
    .split('\n')
    .flatMap((line) => {
      const found = /^((?:[│ ] {3})*)[├└]── (.*?)(?: \(([A-Z, ]+)\))?$/.exec(line);
      if (!found) return [];
      const [, indent = '', part = '', methods] = found;
      open.length = indent.length / 4;
      open.push(part === '(empty root node)' ? '' : part);
      return (methods?.split(', ') ?? []).map((method) => `${method} ${open.join('')}`);
    });
}

test('the document is of OpenAPI 3.1 and of the version of the package', () => {
  const { version, license } = JSON.parse(
    readFileSync(join(projectRoot(), 'package.json'), 'utf8'),
  );
  assert.equal(document.openapi, '3.1.0');
  assert.equal(document.info.title, 'Souk');
  assert.equal(document.info.version, version);
  assert.equal(document.info.license.identifier, license);
  assert.deepEqual(document.security, [{ bearer: [] }]);
  assert.deepEqual(document.components.securitySchemes, {
    bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
  });
});

test('every route is in it, but for /app, which repeats them, and the page itself', () => {
  const shown = routes().filter((route) => !/^HEAD| \/app\/| \/docs(?:\/|$)/.test(route));
  assert.ok(shown.length >= allEndpoints.length);
  const documented = operations().map(([name]) => name);
  assert.deepEqual(documented.toSorted(), shown.toSorted());
  const below = routes().filter((route) => / \/app\//.test(route) && !route.startsWith('HEAD'));
  assert.deepEqual(
    below.filter((route) => !documented.includes(route.replace('/app/', '/'))),
    [],
  );
});

test('it is the same where a setting adds routes of its own', async () => {
  const node = await shop.node({ CORS_ORIGINS: 'https://shop.example' });
  assert.deepEqual((await node.call('GET /openapi.json')).body, document);
});

test('every operation says what it does, who may call it, and what it answers', () => {
  const tags = document.tags.map((tag: Json) => tag.name);
  const ids = operations().map(([, operation]) => operation.operationId);
  assert.equal(new Set(ids).size, ids.length, 'operationIds are unique');
  for (const [name, operation] of operations()) {
    assert.match(operation.summary, /^[A-Z].{4,}/, name);
    assert.match(operation.description, /(?:^|\n\n)(?:Open|For) .*\.$|Open: .*\.$/, name);
    assert.equal(operation.tags.length, 1, name);
    assert.ok(tags.includes(operation.tags[0]), name);
    const statuses = Object.keys(operation.responses);
    assert.equal(statuses.filter((status) => status.startsWith('2')).length, 1, name);
    for (const status of statuses) {
      const { description, content } = operation.responses[status];
      assert.ok(description.length > 1 && description !== 'Default Response', `${name} ${status}`);
      const [media] = Object.values<Json>(content);
      assert.notEqual(media.schema.type, undefined, `${name} ${status}`);
    }
  }
  const used = new Set(operations().map(([, operation]) => operation.tags[0]));
  assert.deepEqual([...used].toSorted(), tags.toSorted(), 'each tag has a call');
  assert.ok(document.tags.every((tag: Json) => tag.description.length > 5));
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
    const { responses } = operationOf(endpoint);
    const expected = new Set([503]);
    if (takesBody(endpoint) && path !== '/auth/ws-ticket/') expected.add(400);
    if (path.startsWith('/delete-')) expected.add(400).add(404);
    if (caller !== 'anyone') expected.add(401);
    else expected.add(429);
    if (path === '/place-order/') expected.add(404).add(422);
    else if (caller === 'buyer' || caller === 'seller') expected.add(403);
    for (const status of expected) assert.ok(status in responses, String(status));
    assert.ok('Retry-After' in responses[503].headers);
    assert.ok(caller !== 'anyone' || 'Retry-After' in responses[429].headers);
    assert.ok(caller === 'anyone' || 'WWW-Authenticate' in responses[401].headers);
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
    if (caller !== 'user')
      assertDocumented(endpoint, await shop.call(route, { token: wrong.access }));
    const options = takesBody(endpoint) ? { body: {} } : {};
    const answer = await shop.call(route, { token: right.access, ...options });
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
  for (const [path, status] of [
    ['/auth/register-user/', 201],
    ['/auth/login/', 200],
  ] as const) {
    const body = exampleOf(bodyOf(operationOf({ method: 'POST', path })), path);
    assert.equal((await shop.call(`POST ${path}`, { body })).status, status);
  }
});

test('a body may be left out exactly where nothing in it is required', () => {
  const optional = operations().filter(([, { requestBody }]) => requestBody?.required === false);
  const names = optional.map(([name]) => name).toSorted();
  assert.deepEqual(names, ['POST /auth/logout/', 'POST /place-order/']);
});

test('parameters have no examples: the page would send them as filters', () => {
  const parameters = operations().flatMap(([, operation]) => operation.parameters ?? []);
  assert.ok(parameters.length > 10);
  for (const { name, example, examples, description, schema } of parameters) {
    assert.deepEqual([example, examples, schema.examples], [undefined, undefined, undefined], name);
    assert.ok(
      description !== undefined || ['id', 'product_id', 'page_size', 'in_stock'].includes(name),
    );
  }
});

const keywords =
  /^(?:type|format|properties|required|additionalProperties|items|anyOf|enum|minimum|maximum|maxLength|default|description|examples)$/;

function assertPlain(schema: Json, at: string): void {
  for (const [key, value] of Object.entries<Json>(schema)) {
    assert.match(key, keywords, at);
    const below = key === 'properties' ? Object.values(value) : key === 'anyOf' ? value : [value];
    if (!['properties', 'anyOf', 'items', 'additionalProperties'].includes(key)) continue;
    for (const one of below) assertPlain(one, `${at}.${key}`);
  }
}

test('schemas hold no keyword that JSON Schema does not know', () => {
  for (const [name, { requestBody, responses, parameters = [] }] of operations()) {
    const answers = [requestBody, ...Object.values<Json>(responses)].filter(Boolean);
    for (const { content } of answers) {
      for (const { schema } of Object.values<Json>(content)) assertPlain(schema, name);
    }
    for (const { schema } of parameters) assertPlain(schema, name);
  }
  assertPlain(document.components.schemas.Notification, 'Notification');
});

test('the Idempotency-Key of an order is a header that may be left out', () => {
  const { parameters } = operationOf({ method: 'POST', path: '/place-order/' });
  const [{ name, in: place, required, schema }] = parameters;
  assert.deepEqual([name, place, required ?? false], ['Idempotency-Key', 'header', false]);
  assert.equal(schema.maxLength, 255);
});

test('what a socket receives is the Notification of the document, and nothing else', async () => {
  const socket = await shop.socket(`/ws/notifications/?token=${buyer.access}`);
  await ordered(shop, buyer, { product_id: (await shop.product(seller)).id });
  const [message] = await socket.receive(1);
  const { Notification } = document.components.schemas;
  assert.ok(Check(Notification, message), JSON.stringify(message));
  assert.deepEqual(
    Object.keys(message).toSorted(),
    Object.keys(Notification.properties).toSorted(),
  );
  const { description } = document.tags.find((tag: Json) => tag.name === 'notifications');
  for (const word of ['/ws/notifications/?token=', 'after=', '4401', '4403', '4008', '4409']) {
    assert.ok(description.includes(word), word);
  }
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
