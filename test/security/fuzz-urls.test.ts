import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import naughtyStrings from 'big-list-of-naughty-strings' with { type: 'json' };
import { cleanUp } from '../program.ts';
import { usualRequest } from './fuzz-requests.ts';
import { type Route, readRoutes, routeOf } from './fuzz-routes.ts';
import { type FuzzShop, isFull, openFuzzShop, someOf } from './fuzz-shop.ts';
import { bytesOf, jsonOf, openLine, type WireAnswer, type WireRequest } from './wire.ts';

// Addresses and headers: naughty ones, long ones, many.

let shop: FuzzShop;
let routes: Route[];
before(async () => {
  // With everything on that reads headers.
  shop = await openFuzzShop({ TRUST_PROXY: '1', CORS_ORIGINS: 'https://shop.example' });
  routes = await readRoutes(shop);
});
after(cleanUp);

const strings = [
  ...naughtyStrings,
  'x'.repeat(300),
  '\u{fffe}',
  'é',
  '%00',
  '%zz',
  '..%2f',
  ';a=b',
];
// What ends a line ends the header: those shapes are in smuggling.test.ts.
const headerStrings = strings.filter((text) => !/[\r\n\0]/.test(text));

const headerNames = [
  'Idempotency-Key',
  'X-Request-Id',
  'Authorization',
  'Origin',
  'Host',
  'X-Forwarded-For',
  'X-Forwarded-Host',
  'X-Forwarded-Proto',
  'Forwarded',
  'Content-Type',
  'Accept',
  'Accept-Encoding',
  'Cookie',
  'Referer',
  'User-Agent',
  'Range',
  'If-None-Match',
  'If-Modified-Since',
  'X-HTTP-Method-Override',
  'Access-Control-Request-Method',
];

test('naughty headers are answered, and none comes back as it went', async () => {
  const usual = new Set<string>();
  const { headers } = await shop.ask(usualRequest(shop, routeOf(routes, 'GET', '/list-product/')));
  for (const name of headers.keys()) usual.add(name);
  for (const name of ['vary', 'access-control-allow-origin', 'www-authenticate']) usual.add(name);
  for (const name of ['access-control-expose-headers', 'connection']) usual.add(name);

  const left = isFull ? /register|delete|logout/ : /register|delete|log|categ|metrics|openapi/;
  const tried = routes.filter(({ path }) => !left.test(path));
  const tries = headerNames.flatMap((name, place) =>
    headerStrings.map((text, index) => ({
      name,
      text,
      route: tried[(index + place) % tried.length] as Route,
    })),
  );
  const wrong: string[] = [];
  await shop.askAll(someOf(tries, 7), async (one) => {
    const answer = await shop.ask(withHeader(one.route, one.name, one.text));
    for (const [name, value] of answer.headers) {
      const isEcho = one.text.length > 6 && value.includes(one.text) && name !== 'x-request-id';
      if (!usual.has(name) || isEcho) wrong.push(`${one.name}: ${one.text} → ${name}: ${value}`);
    }
  });
  assert.deepEqual(wrong, []);
});

function withHeader(route: Route, name: string, value: string): WireRequest {
  const usual = usualRequest(shop, route);
  return { ...usual, headers: { ...usual.headers, [name]: value } };
}

test('links to other pages are well-formed whatever the headers say', async () => {
  const route = routeOf(routes, 'GET', '/list-user-order/');
  const order = usualRequest(shop, routeOf(routes, 'POST', '/place-order/'));
  for (let count = 0; count < 3; count += 1) await shop.ask(order); // so that there is another page
  const names = ['Host', 'X-Forwarded-Host', 'X-Forwarded-Proto'];
  const tries = headerStrings.flatMap((text) => names.map((name) => ({ text, name })));
  await shop.askAll(someOf(tries, 2), async ({ text, name }) => {
    const answer = await shop.ask(withHeader(route, name, text));
    if (answer.status === 400) return; // a Host that is none
    assert.equal(answer.status, 200, `${name}: ${text}`);
    const { next } = jsonOf(answer);
    assert.match(next, /^https?:\/\/[^/]+\/list-user-order\/\?/, `${name}: ${text}`);
    assert.ok(URL.canParse(next));
  });
});

test('naughty paths are answered, in any place of a path', async () => {
  const wrong: string[] = [];
  const places = [
    (text: string) => `/${text}`,
    (text: string) => `/${text}/product/`,
    (text: string) => `/product/${text}/`,
    (text: string) => `/app/${text}`,
    (text: string) => `/product;${text}`,
    (text: string) => `/docs/static/${text}`,
    (text: string) => `/docs/${text}`,
    (text: string) => `/ws/notifications/${text}/`,
    (text: string) => `/list-product/?${text}`,
    (text: string) => `/list-product/?search=${text}&${text}=${text}`,
  ];
  const coders = [
    (text: string) => encodeURIComponent(text.toWellFormed()),
    (text: string) => text.replaceAll(/[\s\0#]/g, ''), // as it is
  ];
  const paths = strings.flatMap((text, index) =>
    someOf(places, 5, index).flatMap((place) => coders.map((code) => place(code(text)))),
  );
  const headers = { Authorization: `Bearer ${shop.users.buyer.access}` };
  await shop.askAll(paths, async (path) => {
    const { status } = await shop.ask({ method: 'GET', path, headers });
    if (![200, 302, 400, 404, 405].includes(status)) wrong.push(`${status} to ${path}`);
  });
  assert.deepEqual(wrong, []);
});

test('too much of an address or of headers is refused, and what fits is answered', async () => {
  const token = { Authorization: `Bearer ${shop.users.buyer.access}` };
  const get = (path: string, headers: Record<string, string> = {}): Promise<WireAnswer> =>
    shop.ask({ method: 'GET', path: `/list-product/${path}`, headers: { ...token, ...headers } });
  const headersOf = (count: number, value: string): Record<string, string> =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`X-${index}`, value]));
  const cases: [name: string, answer: Promise<WireAnswer>, status: number][] = [
    ['10,000 parameters', get(`?${'a=1&'.repeat(10_000)}`), 431],
    ['7,000 empty parameters', get(`?${'a&'.repeat(3_500)}${'&'.repeat(3_500)}`), 200],
    ['3,000 pages', get(`?${'page=x&'.repeat(1_000)}page=1`), 200],
    ['64 KB', get(`?search=${'x'.repeat(65_536)}`), 431],
    ['a search of 12 KB', get(`?search=${'x'.repeat(12_000)}`), 200],
    ['a search of 12 KB of %', get(`?search=${'%'.repeat(12_000)}`), 200],
    ['a price of 12,000 digits', get(`?price_min=${'9'.repeat(12_000)}`), 200],
    ['a page of 12,000 digits', get(`?page=${'9'.repeat(12_000)}`), 404],
    ['brackets in each other', get(`?a${'[a]'.repeat(3_000)}=1`), 200],
    ['the prototype', get('?__proto__=1&constructor=1&__proto__[page]=9&toString=1'), 200],
    ['a header of 20 KB', get('', { 'X-Long': 'x'.repeat(20_000) }), 431],
    ['a name of 20 KB', get('', { ['X'.repeat(20_000)]: 'x' }), 431],
    ['5,000 headers', get('', headersOf(5_000, 'x')), 431],
    ['1,000 headers', get('', headersOf(1_000, 'x')), 200],
  ];
  for (const [name, answer, status] of cases) assert.equal((await answer).status, status, name);
});

test('a method that is none, or not ours, is refused', async () => {
  const methods = ['PUT', 'TRACE', 'CONNECT', 'PROPFIND', 'QUERY', 'FOO', 'get', 'GET\t', '\x01'];
  for (const method of methods) {
    const line = await openLine(shop.port);
    line.send(bytesOf({ method, path: '/list-product/', headers: { Connection: 'close' } }));
    const answers = await line.answers(2_000);
    line.socket.destroy();
    const statuses = answers.map(({ status }) => status);
    assert.ok(
      statuses.length <= 1 && statuses.every((status) => status >= 400 && status < 500),
      `${method}: ${statuses.join()}`,
    );
  }
});
