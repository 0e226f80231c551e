// Requests whose end two readers may see in different places, with a second request hidden where
// one of them would find it; by name. Where the bytes are not UTF-8, they are Latin-1.

export const hiddenPath = '/hidden-request/';
const hidden = `GET ${hiddenPath} HTTP/1.1\r\nHost: a\r\n\r\n`;
const last = '0\r\n\r\n';

const post = (headers: string, body: string, version = '1.1'): string =>
  `POST /auth/get-access-token/ HTTP/${version}\r\nHost: a\r\n` +
  `Content-Type: application/json\r\n${headers}\r\n\r\n${body}`;
const chunked = (body: string): string => post('Transfer-Encoding: chunked', body);
const get = (headers: string): string => `GET /healthz HTTP/1.1\r\n${headers}\r\n\r\n`;
const coded = (coding: string): string => post(`Transfer-Encoding: ${coding}`, last + hidden);
const sized = (length: string): string => post(`Content-Length: ${length}`, '{}');
const offer = (headers: string, body: string): string =>
  post(`Connection: Upgrade\r\nUpgrade: h2c\r\n${headers}`, body);
const both = `Content-Length: ${last.length + hidden.length}\r\nTransfer-Encoding: chunked`;

/** Refused with one 400, and the connection is ended: nothing behind it is a request. */
export const refused: Record<string, string> = {
  'length and chunks': post(both, last + hidden),
  'chunks and length': post(
    'Transfer-Encoding: chunked\r\nContent-Length: 4',
    `${hidden.length.toString(16)}\r\n${hidden}\r\n${last}`,
  ),
  'coding identity': coded('identity'),
  'coding identity, chunked': coded('identity, chunked'),
  'coding gzip, chunked': coded('gzip, chunked'),
  'coding chunked, identity': coded('chunked, identity'),
  'coding chunked twice in one': coded('chunked, chunked'),
  'coding xchunked': coded('xchunked'),
  'coding chunkedx': coded('chunkedx'),
  'coding in quotes': coded('"chunked"'),
  'coding without a value': coded(''),
  'coding after a vertical tab': coded('\x0bchunked'),
  'coding with a comma': coded('chunked,'),
  'coding with a parameter': coded('chunked;q=1'),
  'coding with a space before the colon': post('Transfer-Encoding : chunked', last + hidden),
  'coding twice': coded('chunked\r\nTransfer-Encoding: chunked'),
  'coding twice, identity last': coded('chunked\r\nTransfer-Encoding: identity'),
  'coding twice, identity first': coded('identity\r\nTransfer-Encoding: chunked'),
  'coding on a folded line': coded('\r\n chunked'),
  'coding after a bare line feed': post(
    'Content-Length: 2\r\nX: y\nTransfer-Encoding: chunked',
    '{}',
  ),
  'coding folded into another': post(
    'Content-Length: 2\r\nX: y\r\n Transfer-Encoding: chunked',
    '{}',
  ),
  'coding in HTTP/1.0': post('Transfer-Encoding: chunked', last + hidden, '1.0'),
  'length twice alike': sized('2\r\nContent-Length: 2'),
  'length twice': post(`Content-Length: 2\r\nContent-Length: ${2 + hidden.length}`, `{}${hidden}`),
  'length as a list': sized('2, 2'),
  'length +2': sized('+2'),
  'length -2': sized('-2'),
  'length 0x2': sized('0x2'),
  'length 2 2': sized('2 2'),
  'length empty': sized(''),
  'length 1e1': sized('1e1'),
  'length 2.0': sized('2.0'),
  'length above 2^64': sized('18446744073709551618'),
  'length in other digits': sized('\xb2'),
  'length after a vertical tab': sized('\x0b2'),
  'length with a space before the colon': post('Content-Length : 2', '{}'),
  'chunk: a line feed in the extension': chunked(`2;a\n${hidden}xx\r\n{}\r\n${last}`),
  'chunk: a line feed in a quoted extension': chunked(`2;a="\n"\r\n{}\r\n${last}`),
  'chunk: an extension of 20 KB': chunked(`2;${'a'.repeat(20_000)}\r\n{}\r\n${last}`),
  'chunk: line feeds alone': chunked('2\n{}\n0\n\n'),
  'chunk: a line feed after the size': chunked(`2\n{}\r\n${last}`),
  'chunk: a line feed after the data': chunked(`2\r\n{}\n${last}`),
  'chunk: nothing after the data': chunked(`2\r\n{}${last}`),
  'chunk: longer than its size': chunked(`2\r\n{}xx${last}`),
  'chunk: carriage returns alone': chunked('2\r{}\r0\r\r'),
  'chunk: a size above 2^64': chunked(`10000000000000002\r\n{}\r\n${last}`),
  'chunk: a size of -2': chunked(`-2\r\n{}\r\n${last}`),
  'chunk: a size of +2': chunked(`+2\r\n{}\r\n${last}`),
  'chunk: a size of 0x2': chunked(`0x2\r\n{}\r\n${last}`),
  'chunk: a space after the size': chunked(`2 \r\n{}\r\n${last}`),
  'chunk: a space before the size': chunked(` 2\r\n{}\r\n${last}`),
  'chunk: no size': chunked(`\r\n{}\r\n${last}`),
  'chunk: a size that is none': chunked(`g\r\n{}\r\n${last}`),
  'trailer with a length': chunked(`2\r\n{}\r\n0\r\nContent-Length: ${hidden.length}\r\n\r\n`),
  'trailer with a coding': chunked('2\r\n{}\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n'),
  'a request for a trailer': chunked(`2\r\n{}\r\n0\r\n${hidden}`),
  'lines that end with a line feed': 'GET /healthz HTTP/1.1\nHost: a\n\n',
  'one line that ends with a line feed': get('Host: a\nX: y'),
  'a head that ends with a line feed': 'GET /healthz HTTP/1.1\r\nHost: a\r\n\n',
  'a bare carriage return': get('Host: a\rX: y'),
  'two carriage returns': get('Host: a\r'),
  'a folded line': get('Host: a\r\nX: y\r\n z'),
  'a folded line before all': get(' X: y\r\nHost: a'),
  'a space before the colon': get('Host : a'),
  'a line without a colon': get('Host: a\r\nX'),
  'a header without a name': get('Host: a\r\n: x'),
  'NUL in a value': get('Host: a\r\nX: a\0b'),
  'NUL in a name': get('Host: a\r\nX\0: ab'),
  'NUL in the target': 'GET /healthz\0 HTTP/1.1\r\nHost: a\r\n\r\n',
  'Host twice': get('Host: a\r\nHost: b'),
  'Host twice alike, once in capitals': get('Host: a\r\nHOST: a'),
  'Host missing': get('X: y'),
  'Host as a list': get('Host: a, b'),
  'Host with a path': get('Host: a/b'),
  'Host with a user': get('Host: a@b'),
  'a host and port for a target': 'GET evil.test:80 HTTP/1.1\r\nHost: a\r\n\r\n',
  'HTTP/1.2': 'GET /healthz HTTP/1.2\r\nHost: a\r\n\r\n',
  'HTTP/11.1': 'GET /healthz HTTP/11.1\r\nHost: a\r\n\r\n',
  'http/1.1 in lower case': 'GET /healthz http/1.1\r\nHost: a\r\n\r\n',
  'tabs between the words': 'GET\t/healthz\tHTTP/1.1\r\nHost: a\r\n\r\n',
  'a space in the target': 'GET /health z HTTP/1.1\r\nHost: a\r\n\r\n',
  'a word after the version': 'GET /healthz HTTP/1.1 x\r\nHost: a\r\n\r\n',
  'the preface of HTTP/2': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'the hello of TLS': '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
  'a bad line, then a request': get('Host: a\r\nBad') + hidden,
  'an offer of HTTP/2 with length and chunks': offer(both, last + hidden),
  'an offer of HTTP/2 with two lengths': offer('Content-Length: 2\r\nContent-Length: 9', '{}'),
  'an offer of HTTP/2 with a folded coding': offer('X: y\r\n Transfer-Encoding: chunked', '{}'),
  'an offer of HTTP/2 with two codings': offer('Transfer-Encoding: gzip, chunked', last + hidden),
};

/** One request, answered once: the hidden one is its body, or nothing. */
export const answeredOnce: Record<string, string> = {
  'a request as a body': post(`Content-Length: ${hidden.length}`, hidden),
  'a request as a chunk': chunked(`${hidden.length.toString(16)}\r\n${hidden}\r\n${last}`),
  'a request as the body of a GET': get(`Host: a\r\nContent-Length: ${hidden.length}`) + hidden,
  'a request as the body of an offer of HTTP/2': offer(`Content-Length: ${hidden.length}`, hidden),
  'a request after Connection: close': get('Host: a\r\nConnection: close') + hidden,
  'a header with _ for -': post('Transfer_Encoding: chunked\r\nContent-Length: 2', '{}'),
  'a coding in other letters': post('Transfer-Encoding: cHuNkEd', `2\r\n{}\r\n${last}`),
  'a coding after a tab': post('Transfer-Encoding:\tchunked', last),
  'a coding and a space': post('Transfer-Encoding: chunked ', last),
  'a length of 02': sized('02'),
  'a length among spaces': sized('  2  '),
  'a chunk with an extension': chunked(`2;a=b\r\n{}\r\n${last}`),
  'a chunk size of many noughts': chunked(`0000000000000000000002\r\n{}\r\n${last}`),
  'a trailer with a token': chunked('2\r\n{}\r\n0\r\nAuthorization: Bearer x\r\nHost: b\r\n\r\n'),
  'a whole address for a target': 'GET http://evil.test/healthz HTTP/1.1\r\nHost: a\r\n\r\n',
  'a file for a target': 'GET file:///etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n',
  'a target of two slashes': 'GET //evil.test/healthz HTTP/1.1\r\nHost: a\r\n\r\n',
  'a star for a target': 'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n',
  'an expectation': post('Expect: 100-continue\r\nContent-Length: 2', '{}'),
  'an unknown expectation': post(`Expect: x\r\nContent-Length: ${hidden.length}`, hidden),
  'an offer of HTTP/2': offer('Content-Length: 2', '{}'),
  'an offer of HTTP/2 in chunks': offer('Transfer-Encoding: chunked', `2\r\n{}\r\n${last}`),
};

/** Several requests, one behind the other: each is answered, in their order. */
export const pipelined: Record<string, [bytes: string, statuses: number[]]> = {
  three: [get('Host: a').repeat(3), [200, 200, 200]],
  'a body of no length, then a request': [post('X: y', '') + hidden, [400, 404]],
  'an empty body, then a request': [post('Content-Length: 0', hidden), [400, 404]],
  'chunks in a GET, then a request': [
    get('Host: a\r\nTransfer-Encoding: chunked') + last + hidden,
    [200, 404],
  ],
  'a good one before a bad one': [get('Host: a') + get('Host : a'), [200, 400]],
  'a slow one before a bad one': [
    `GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n${get('Host: a\0')}`,
    [200, 400],
  ],
  'two offers of HTTP/2': [offer('Content-Length: 2', '{}').repeat(2), [400, 400]],
  'an offer of HTTP/2 behind another request': [
    get('Host: a') + offer('Content-Length: 2', '{}') + hidden,
    [200, 400, 404],
  ],
};
