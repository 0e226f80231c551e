import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type CallOptions, openShop, type TestShop, type User } from '../harness.ts';
import { allEndpoints, type Endpoint, takesBody } from './rules-endpoints.ts';

let shop: TestShop;
let buyer: User;
let seller: User;
before(async () => {
  shop = await openShop();
  [buyer, seller] = [await shop.buyer(), await shop.seller()];
});
after(() => shop.close());

const json = { 'content-type': 'application/json' };
const form = { 'content-type': 'application/x-www-form-urlencoded' };
const boundary = 'a-boundary';
const multipart = { 'content-type': `multipart/form-data; boundary=${boundary}` };

const parts = (fields: [name: string, value: string][]): string =>
  fields
    .map(
      ([name, value]) =>
        `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
    )
    .join('') + `--${boundary}--\r\n`;

const send = ({ method, path, caller }: Endpoint, options: CallOptions) => {
  const { access: token } = caller === 'seller' ? seller : buyer;
  return shop.call(`${method} ${path}`, { token, ...options });
};
const create = (options: CallOptions) =>
  shop.call('POST /category/', { token: seller.access, ...options });
const categories = async () =>
  (await shop.call('GET /list-category/', { token: seller.access })).body;

const bodyEndpoints = allEndpoints.filter(takesBody);

test('JSON, form and multipart bodies are read alike', async () => {
  const category = await shop.category(seller);
  const fields: [string, string][] = [
    ['name', 'Räd & Bell + 100%'],
    ['description', 'two\r\nlines'],
    ['price', '19.99'],
    ['stock', '5'],
    ['category_id', category.id],
  ];
  const bodies = [
    { raw: JSON.stringify(Object.fromEntries(fields)), headers: json },
    { raw: new URLSearchParams(fields).toString(), headers: form },
    { raw: parts(fields), headers: multipart },
  ];
  for (const body of bodies) {
    const answer = await shop.call('POST /app/product', { token: seller.access, ...body });
    assert.equal(answer.status, 201, answer.text);
    const { id, ...product } = answer.body;
    assert.match(id, /^[0-9a-f-]{36}$/);
    assert.deepEqual(product, {
      name: 'Räd & Bell + 100%',
      description: 'two\r\nlines',
      price: 19.99,
      stock: 5,
      category,
    });
  }
});

test('a PATCH and a login read forms too', async () => {
  const { id } = await shop.category(seller);
  const edit = new URLSearchParams({ category_id: id, name: 'From a form' }).toString();
  const edited = await shop.call('PATCH /category/', {
    token: seller.access,
    raw: edit,
    headers: form,
  });
  assert.deepEqual([edited.status, edited.body.name], [200, 'From a form']);
  const { email, password } = seller;
  const raw = parts(Object.entries({ email, password }));
  const login = await shop.call('POST /auth/login/', { raw, headers: multipart });
  assert.deepEqual([login.status, login.body.user], [200, { email, name: null }]);
});

test('the last of a repeated form field counts', async () => {
  const bodies = [
    { raw: 'name=first&name=second&description=d', headers: form },
    {
      raw: parts([
        ['name', 'first'],
        ['name', 'second'],
        ['description', 'd'],
      ]),
      headers: multipart,
    },
  ];
  for (const body of bodies) assert.equal((await create(body)).body.name, 'second');
});

test('a media type may be written in any case and carry parameters', async () => {
  for (const type of ['application/json; charset=utf-8', 'Application/JSON']) {
    const raw = '{"name":"Ä","description":"d"}';
    const { status, body } = await create({ raw, headers: { 'content-type': type } });
    assert.deepEqual([status, body.name], [201, 'Ä'], type);
  }
});

test('every other media type is a 415 and changes nothing', async () => {
  const count = (await categories()).length;
  const raw = Buffer.from('{"name":"n","description":"d"}');
  for (const endpoint of bodyEndpoints) {
    for (const type of ['text/plain', 'application/xml', 'text/html', 'image/png']) {
      const { status, body } = await send(endpoint, { raw, headers: { 'content-type': type } });
      const detail = `Unsupported media type "${type}" in request.`;
      assert.deepEqual([status, body], [415, { detail }], `${endpoint.path} ${type}`);
    }
    const untyped = await send(endpoint, { raw });
    assert.equal(untyped.status, 415, `${endpoint.path} without a type`);
  }
  assert.equal((await categories()).length, count);
});

test('malformed JSON is a 400 that says so', async () => {
  const broken = ['{', '{"name":', "{'name':'n'}", '{"price":NaN}', '{"a":1,}', 'name=n', '\u{1}'];
  for (const raw of [...broken, '[1', 'nul', '{"name":"\n"}', '{"stock":01}', '{}{}', ' ']) {
    for (const endpoint of bodyEndpoints) {
      const { status, body } = await send(endpoint, { raw, headers: json });
      assert.equal(status, 400, `${endpoint.path} ${raw}`);
      assert.deepEqual(Object.keys(body), ['detail']);
      assert.match(body.detail, /^JSON parse error - /);
    }
  }
});

test('bytes that are not UTF-8 are malformed JSON', async () => {
  const count = (await categories()).length;
  for (const bytes of ['\xff', '\xc3', '\xed\xa0\x80', '\xf8\x88\x80\x80\x80']) {
    const raw = Buffer.from(`{"name":"${bytes}","description":"d"}`, 'latin1');
    const { status, body } = await create({ raw, headers: json });
    assert.equal(status, 400);
    assert.match(body.detail, /^JSON parse error - /);
  }
  assert.equal((await categories()).length, count);
});

test('bytes that are not UTF-8 in a form never reach a name', async () => {
  const cut = Buffer.from(parts([['name', '\xff']]), 'latin1');
  const bodies = [
    { raw: 'name=%FF&description=d', headers: form },
    { raw: Buffer.from('name=\xff&description=d', 'latin1'), headers: form },
    { raw: cut, headers: multipart },
  ];
  for (const body of bodies) {
    const answer = await create(body);
    assert.ok([201, 400].includes(answer.status), answer.text);
    assert.ok(answer.text.isWellFormed());
  }
});

test('a malformed multipart body is a 4xx in JSON', async () => {
  const whole = parts([
    ['name', 'n'],
    ['description', 'd'],
  ]);
  const bodies = [
    { raw: whole.slice(0, -20), headers: multipart },
    { raw: 'nothing of the kind', headers: multipart },
    { raw: whole, headers: { 'content-type': 'multipart/form-data' } },
    { raw: whole, headers: { 'content-type': 'multipart/form-data; boundary=other' } },
    { raw: whole, headers: { 'content-type': 'multipart/mixed; boundary=a-boundary' } },
  ];
  const count = (await categories()).length;
  const others: string[] = [];
  for (const [index, body] of bodies.entries()) {
    const answer = await create(body);
    const isRefused = answer.status >= 400 && answer.status < 500;
    if (!isRefused || answer.body === undefined) others.push(`body ${index}: ${answer.status}`);
  }
  assert.deepEqual(others, []);
  assert.equal((await categories()).length, count);
});

test('a file where a text is asked is not a valid string', async () => {
  const raw =
    `--${boundary}\r\nContent-Disposition: form-data; name="name"; filename="a.txt"\r\n` +
    `Content-Type: text/plain\r\n\r\nhello\r\n${parts([['description', 'd']])}`;
  const { status, body } = await create({ raw, headers: multipart });
  assert.deepEqual([status, body], [400, { name: ['Not a valid string.'] }]);
});

test('a body that is not an object is named for what it is', async () => {
  const kinds = { '[]': 'list', '[{}]': 'list', '"text"': 'str', '5': 'int', '1.5': 'float' };
  for (const [raw, kind] of Object.entries({ ...kinds, true: 'bool', false: 'bool' })) {
    const message = `Invalid data. Expected a dictionary, but got ${kind}.`;
    for (const endpoint of bodyEndpoints.filter(({ path }) => !path.includes('ws-ticket'))) {
      const { status, body } = await send(endpoint, { raw, headers: json });
      assert.deepEqual(
        [status, body],
        [400, { non_field_errors: [message] }],
        `${endpoint.method} ${endpoint.path} ${raw}`,
      );
    }
  }
});

test('no body, an empty one, {} and null say nothing', async () => {
  const required = ['This field is required.'];
  for (const raw of [undefined, '', '{}', 'null']) {
    const { status, body } = await create(raw === undefined ? {} : { raw, headers: json });
    assert.deepEqual([status, body], [400, { name: required, description: required }], raw);
  }
  for (const headers of [form, multipart]) {
    const raw = headers === multipart ? parts([]) : '';
    const { status, body } = await create({ raw, headers });
    assert.deepEqual([status, body], [400, { name: required, description: required }]);
  }
});
