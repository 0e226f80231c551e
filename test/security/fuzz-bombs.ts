import { gzipSync } from 'node:zlib';
import { limits } from '../../src/kernel/limits.ts';

/** A body that is meant to hurt, and what it may be answered; anything else is a surprise. */
export interface Bomb {
  name: string;
  body: string | Buffer;
  headers: Record<string, string>;
  /** by default any 4xx or, where nothing in it concerns the route, 2xx */
  statuses?: number[];
}

const json = { 'Content-Type': 'application/json' };
const form = { 'Content-Type': 'application/x-www-form-urlencoded' };
const multipart = { 'Content-Type': 'multipart/form-data; boundary=b' };

const many = (count: number, make: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => make(index)).join('');

const padded = (bytes: number): string => `{"x":"${'x'.repeat(bytes - 8)}"}`;

const utf16 = (text: string): Buffer => Buffer.from(`\ufeff${text}`, 'utf16le');

/** Texts of JSON values that are hard on whoever walks into them. */
export const hardValues: Record<string, string> = {
  '100,000 arrays in each other': '['.repeat(100_000) + ']'.repeat(100_000),
  '50,000 objects in each other': '{"a":'.repeat(50_000) + '1' + '}'.repeat(50_000),
  'a list of 100,000': `[${'1,'.repeat(99_999)}1]`,
  'a list of 100,000 objects': `[${'{},'.repeat(99_999)}{}]`,
  'a number of 100,000 digits': '9'.repeat(100_000),
  'a fraction of 100,000 digits': `0.${'9'.repeat(100_000)}`,
  'a number beyond all': '1e400',
  'a number below all': '-1e400',
  'a number next to nothing': '1e-400',
  'minus nothing': '-0',
  '2^53 + 1': '9007199254740993',
  'a digit text of 900 KB': `"${'1'.repeat(900_000)}"`,
  'a text of 900 KB': `"${'a'.repeat(900_000)}"`,
  'a text of 150,000 escapes': `"${'\\ud83d\\ude00'.repeat(75_000)}"`,
  'half of a character': '"\\ud800"',
  'the wrong half first': '"\\udc00\\ud800"',
  NUL: '"\\u0000"',
  'a prototype': '{"__proto__":{"toString":null},"constructor":{"prototype":{"x":1}}}',
  'what only looks like a list': '{"length":1e9,"0":"a"}',
  'what only looks like a text': '{"toString":"x","trim":"x","length":5}',
};

const jsonBombs: Bomb[] = [
  { name: '100,000 keys', body: `{${many(99_999, (i) => `"${i}":1,`)}"z":1}` },
  { name: '1 MiB', body: padded(limits.bodyBytes) },
  { name: '1 MiB and one', body: padded(limits.bodyBytes + 1), statuses: [413] },
  { name: 'arrays never closed', body: '['.repeat(500_000), statuses: [400] },
  { name: 'objects never closed', body: '{"a":'.repeat(150_000), statuses: [400] },
  { name: 'a byte order mark', body: '\ufeff{}', statuses: [400] },
  { name: 'UTF-16, little end first', body: utf16('{"name":"x"}'), statuses: [400] },
  { name: 'UTF-16, big end first', body: utf16('{"name":"x"}').swap16(), statuses: [400] },
  {
    name: 'a longer form of /',
    body: Buffer.from('{"name":"\xc0\xaf"}', 'latin1'),
    statuses: [400],
  },
  {
    name: 'half a character',
    body: Buffer.from('{"x":"\xed\xa0\x80"}', 'latin1'),
    statuses: [400],
  },
  {
    name: 'packed',
    body: gzipSync('{}'),
    headers: { 'Content-Encoding': 'gzip' },
    statuses: [400],
  },
  {
    name: 'a gigabyte in a packet',
    body: gzipSync(Buffer.alloc(64 * 1024 ** 2, '[')),
    headers: { 'Content-Encoding': 'gzip' },
    statuses: [400],
  },
  ...Object.entries(hardValues).map(([name, body]) => ({ name, body })),
].map((bomb) => ({ ...bomb, headers: { ...json, ...('headers' in bomb ? bomb.headers : {}) } }));

const formBombs: Bomb[] = [
  { name: '100,000 pairs', body: many(100_000, (i) => `${i}=1&`) },
  { name: 'a million of nothing', body: '&'.repeat(1_000_000) },
  { name: 'a million of =', body: '='.repeat(1_000_000) },
  { name: '300,000 signs that are none', body: `name=${'%'.repeat(900_000)}` },
  { name: 'brackets in each other', body: `a${'[a]'.repeat(300_000)}=1` },
  { name: 'keys of the prototype', body: '__proto__=1&constructor=1&__proto__[x]=1&toString=1' },
  { name: 'one key 100,000 times', body: 'name=1&'.repeat(100_000) },
  { name: 'a form above 1 MiB', body: `a=${'a'.repeat(limits.bodyBytes)}`, statuses: [413] },
].map((bomb) => ({ ...bomb, headers: form }));

const part = (name: string, value: string, more = ''): string =>
  `--b\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n${value}\r\n`;
const end = '--b--\r\n';

const multipartBombs: Bomb[] = [
  { name: '10,000 parts', body: many(10_000, (i) => part(`${i}`, 'x')) + end },
  { name: '1,000 files', body: many(1_000, (i) => part(`${i}`, 'x', '; filename="f"')) + end },
  { name: 'parts of the prototype', body: part('__proto__', 'x') + part('toString', 'x') + end },
  { name: 'a part without an end', body: part('name', 'x'.repeat(100_000)), statuses: [400] },
  { name: 'no part', body: '', statuses: [400] },
  { name: 'an end and no more', body: end },
  { name: 'only beginnings', body: '--b\r\n'.repeat(100_000), statuses: [400] },
  { name: 'a part of 50,000 headers', body: `--b\r\n${'X: y\r\n'.repeat(50_000)}\r\nx\r\n${end}` },
  { name: 'a header of 900 KB', body: part('n'.repeat(900_000), 'x') + end },
  { name: 'parts in a part', body: part('name', part('name', 'x') + end) },
  { name: 'a multipart above 1 MiB', body: part('a', 'a'.repeat(limits.bodyBytes)) + end },
  {
    name: 'a boundary of 10,000',
    body: part('name', 'x') + end,
    headers: { 'Content-Type': `multipart/form-data; boundary=${'b'.repeat(10_000)}` },
    statuses: [400],
  },
  {
    name: 'no boundary',
    body: part('name', 'x') + end,
    headers: { 'Content-Type': 'multipart/form-data' },
  },
  {
    name: 'an empty boundary',
    body: part('name', 'x') + end,
    headers: { 'Content-Type': 'multipart/form-data; boundary=' },
  },
].map((bomb) => ({ ...bomb, headers: 'headers' in bomb ? bomb.headers : multipart }) as Bomb);

export const bombs: Bomb[] = [...jsonBombs, ...formBombs, ...multipartBombs];
