import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import naughtyStrings from 'big-list-of-naughty-strings' with { type: 'json' };
import type { Json } from '../harness.ts';
import { cleanUp } from '../program.ts';
import { type Encoding, encode, usualRequest } from './fuzz-requests.ts';
import { type Field, nameOf, type Route, readRoutes } from './fuzz-routes.ts';
import { type FuzzShop, isFull, openFuzzShop, someName, someOf } from './fuzz-shop.ts';
import { jsonOf, type WireAnswer } from './wire.ts';

// The Big List of Naughty Strings, and some that it lacks, in every field of every route.

const strings: string[] = [
  ...naughtyStrings,
  '\0',
  'a\0b',
  '\ud800',
  'x\udc00y',
  '\ufeffbyte order mark',
  '\uffff\ufffe',
  '\u202ereversed\u202c',
  `Z${'\u0350'.repeat(200)}`,
  '😀'.repeat(255),
  '😀'.repeat(256),
  '__proto__',
  'constructor',
  '%00%ff%c0%ae',
  '1e309',
  '-0',
  '9'.repeat(400),
  '\u2028\u2029\u0085\u00a0',
  'x'.repeat(6_000),
];
const encodings: Encoding[] = ['json', 'form', 'multipart'];

let shop: FuzzShop;
let routes: Route[];
/** what was stored: the names that must be seen when it is read, by id */
const stored = new Map<string, [name: string, description: string]>();

before(async () => {
  shop = await openFuzzShop();
  routes = await readRoutes(shop);
});
after(cleanUp);

interface Attempt {
  route: Route;
  field: Field;
  text: string;
  encoding: Encoding;
}

/** Each string to each route, in turns to its fields and as each kind of body; or to all. */
function* attempts(): Generator<Attempt> {
  for (const route of routes) {
    const texts = route.fields.filter((field) => field.in !== 'header');
    if (texts.length === 0) continue;
    const kinds = route.body ? encodings : encodings.slice(0, 1);
    const places = texts.flatMap((field) => kinds.map((encoding) => ({ field, encoding })));
    const isStored = /^\/(category|product)\/$/.test(route.path);
    for (const [index, text] of (isStored ? strings : someOf(strings, 5)).entries()) {
      const chosen = isFull ? places : [places[index % places.length]];
      for (const place of chosen) if (place) yield { route, text, ...place };
    }
  }
}

test('naughty strings in any field are taken unchanged or refused, quickly', async () => {
  const seen = new Map<number, number>();
  const surprises: string[] = [];
  await shop.askAll(attempts(), async (attempt) => {
    const { route, field, text, encoding } = attempt;
    const changes = new Map([[field, text]]);
    const answer = await shop.ask(usualRequest(shop, route, { changes, encoding }));
    seen.set(answer.status, (seen.get(answer.status) ?? 0) + 1);
    const surprise = surpriseIn(attempt, answer);
    if (surprise) {
      const where = `${route.method} ${route.path} ${nameOf(field)} as ${encoding}`;
      surprises.push(`${where}: ${JSON.stringify(text.slice(0, 80))}: ${surprise}`);
    }
    if (route.path.includes('logout') && answer.status === 200) await shop.renew('user');
  });
  assert.deepEqual(surprises.slice(0, 20), []);
  for (const status of [200, 201, 400, 404]) assert.ok((seen.get(status) ?? 0) > 100, `${status}`);
});

/** What is wrong with an answer, if anything. */
function surpriseIn({ route, field, text, encoding }: Attempt, answer: WireAnswer): string {
  const body = jsonOf(answer);
  if (!answer.text.isWellFormed()) return 'not well-formed';
  const { type, format } = field.schema;
  const isText = type === 'string' && !format && !field.schema.enum && field.in === 'body';
  const name = nameOf(field);
  if (!isText || /password$|^refresh$/.test(name)) return '';

  // Forms and URLs cannot say a lone surrogate: what encodes them says U+FFFD.
  const sent = encoding === 'json' ? text : text.toWellFormed();
  const kept = sent.trim();
  const { maxLength = Infinity, nullable } = field.schema;
  const isFine =
    !kept.includes('\0') &&
    kept.isWellFormed() &&
    (kept !== '' || nullable === true) &&
    [...kept].length <= maxLength;
  if (answer.status >= 400) return isFine ? `refused: ${answer.text}` : '';
  if (!isFine) return 'accepted';
  const record = body.user ?? body;
  if (route.method === 'POST' && /^\/(product|category)\/$/.test(route.path)) {
    stored.set(body.id, [record.name, record.description]);
  }
  if (!(name in record)) return '';
  const expected = kept === '' ? null : kept;
  return record[name] === expected ? '' : `came back as ${JSON.stringify(record[name])}`;
}

test('what was taken is read the same', async () => {
  const seen = new Map<string, [string, string]>();
  const note = ({ id, name, description }: Json) => seen.set(id, [name, description]);
  const read = async (path: string): Promise<Json> => {
    const answer = await shop.call(`GET ${path}`, { token: shop.users.seller.access });
    assert.equal(answer.status, 200, answer.text);
    return answer.body;
  };
  for (const category of await read('/list-category/')) note(category);
  for (let page = 1, last = 1; page <= last; page += 1) {
    const { results, total_pages } = await read(`/list-product/?page_size=100&page=${page}`);
    for (const product of results) note(product);
    last = total_pages;
  }
  assert.ok(stored.size > 300, `only ${stored.size} were stored`);
  for (const [id, texts] of stored) assert.deepEqual(seen.get(id), texts);
});

test('a naughty name is that of its owner at login too', async () => {
  const password = someName();
  const names = strings.filter((text) => {
    const length = [...text.trim()].length;
    return length > 0 && length <= 150 && text.isWellFormed() && !text.includes('\0');
  });
  await shop.askAll(someOf(names, 10), async (name) => {
    const email = `${someName()}@example.com`;
    const ask = async (path: string, fields: Record<string, string>): Promise<Json> => {
      const { type, text: body } = encode(fields, 'json');
      const headers = { 'Content-Type': type };
      return jsonOf(await shop.ask({ method: 'POST', path, headers, body }));
    };
    const user_type = 'viewer';
    await ask('/auth/register-user/', { email, password, user_type, name, username: name });
    const { user } = await ask('/auth/login/', { email, password });
    assert.deepEqual(user, { email, name: name.trim() });
  });
});

// The last: it uses up what the others need.
test('every route takes the usual request that the others are made from', async () => {
  const lateness = ({ method, path }: Route) =>
    ['DELETE /delete-product/', 'DELETE /delete-category/', 'POST /auth/logout/'].indexOf(
      `${method} ${path}`,
    );
  const { password } = shop.users.user;
  for (const field of ['current_password', 'new_password']) shop.known.set(field, password);
  const refused: string[] = [];
  for (const route of routes.toSorted((a, b) => lateness(a) - lateness(b))) {
    const { status, text } = await shop.ask(usualRequest(shop, route));
    if (status >= 300) refused.push(`${route.method} ${route.path}: ${status} ${text}`);
  }
  assert.deepEqual(refused, []);
});
