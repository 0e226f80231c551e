import {
  base64url,
  hashed,
  hmac,
  keyPaired,
  parts,
  publicJwk,
  publicPem,
  row,
  signTexts,
  type TokenRow,
  unsigned,
  withHeader,
} from './token-tools.ts';

const anotherKey = 'another secret that is longer than 32 bytes';

const algorithms: TokenRow[] = [
  ...['none', 'None', 'NONE', 'nOnE', '', null, ['none'], 'HS256 ', 'hs256'].map((alg) =>
    row(`alg ${JSON.stringify(alg)} without a signature`, (model) => unsigned(model, alg)),
  ),
  row('alg none with the signature of the model', (m) => unsigned(m, 'none') + parts(m)[2]),
  row('alg none signed with the key of the shop', (m) => hashed(m, 'none', 'sha256')),
  row('alg hs256 signed with the key of the shop', (m) => hashed(m, 'hs256', 'sha256')),
  row('no alg, signed with the key of the shop', (m) => withHeader(m, { alg: undefined })),
  row('alg a number', (m) => withHeader(m, { alg: 256 })),
  row('alg a list', (m) => withHeader(m, { alg: ['HS256'] })),
  row('HS384 with the key of the shop', (m) => hashed(m, 'HS384', 'sha384')),
  row('HS512 with the key of the shop', (m) => hashed(m, 'HS512', 'sha512')),
  row('HS512 named, HS256 made', (m) => hashed(m, 'HS512', 'sha256')),
  row('HS256 named, HS512 made', (m) => hashed(m, 'HS256', 'sha512')),
  row('RS256 by a key of the attacker', (m) => keyPaired(m, 'RS256')),
  row('ES256 by a key of the attacker', (m) => keyPaired(m, 'ES256')),
  row('RS256 named, HS256 made', (m) => hashed(m, 'RS256', 'sha256')),
  row('EdDSA named, HS256 made', (m) => hashed(m, 'EdDSA', 'sha256')),
  row('HS256 with a public key as the secret', (m) =>
    signTexts(JSON.stringify(m.header), JSON.stringify(m.claims), publicPem),
  ),
];

const headers: TokenRow[] = [
  row('its own key in jwk', (m) => keyPaired(m, 'RS256', { jwk: publicJwk })),
  row('a jku to fetch', (m) => keyPaired(m, 'RS256', { jku: 'http://127.0.0.1:9/keys' })),
  row('an x5u to fetch', (m) => keyPaired(m, 'RS256', { x5u: 'http://127.0.0.1:9/cert' })),
  row('a certificate in x5c', (m) => keyPaired(m, 'RS256', { x5c: ['MIIB'] })),
  row('a kid that is a path', (m) => keyPaired(m, 'RS256', { kid: '../../../dev/null' })),
  row('a kid that is SQL', (m) => keyPaired(m, 'RS256', { kid: "' UNION SELECT 'x" })),
  row('a kid of an empty file, signed with nothing', ({ header, claims }) =>
    signTexts(JSON.stringify({ ...header, kid: '/dev/null' }), JSON.stringify(claims), ''),
  ),
  row('an octet key in jwk, signed with it', ({ header, claims }) => {
    const jwk = { kty: 'oct', k: base64url(anotherKey) };
    return signTexts(JSON.stringify({ ...header, jwk }), JSON.stringify(claims), anotherKey);
  }),
  row('crit with what nobody knows', (m) => withHeader(m, { crit: ['exp2'], exp2: 1 })),
  row('crit that is empty', (m) => withHeader(m, { crit: [] })),
  row('crit with b64, and b64 false', (m) => withHeader(m, { crit: ['b64'], b64: false })),
  row(
    'kid, jku and jwk under the signature of the shop',
    (m) => withHeader(m, { kid: '1', jku: 'http://127.0.0.1:9/', jwk: { kty: 'oct', k: 'AA' } }),
    {
      verdict: 'ok',
      because: 'they may be ignored (RFC 7515, 4.1), and only the shop can have signed them',
    },
  ),
  row(
    'alg twice, the last one HS256',
    ({ header, claims }) =>
      signTexts(`{"alg":"none",${JSON.stringify(header).slice(1)}`, JSON.stringify(claims)),
    {
      verdict: 'ok',
      because: 'a parser may take the last of a name (RFC 7515, 4); only the shop can sign it',
    },
  ),
  row('alg twice, the last one none', ({ header, claims }) =>
    signTexts(`${JSON.stringify(header).slice(0, -1)},"alg":"none"}`, JSON.stringify(claims)),
  ),
  row('a header that is a list', ({ claims }) => signTexts('["HS256"]', JSON.stringify(claims))),
  row('a header that is null', ({ claims }) => signTexts('null', JSON.stringify(claims))),
  row('a header that is no JSON', ({ claims }) => signTexts('{alg:HS256}', JSON.stringify(claims))),
  row('a header with a byte order mark', ({ header, claims }) =>
    signTexts(`\u{feff}${JSON.stringify(header)}`, JSON.stringify(claims)),
  ),
];

const shapes: TokenRow[] = [
  row('no signature', (m) => parts(m).slice(0, 2).join('.')),
  row('an empty signature', (m) => `${parts(m).slice(0, 2).join('.')}.`),
  row('a signature cut by one', ({ token }) => token.slice(0, -1)),
  row('half a token', ({ token }) => token.slice(0, token.length / 2)),
  row('the parts the other way round', (m) => parts(m).toReversed().join('.')),
  row('claims and header swapped', (m) => [parts(m)[1], parts(m)[0], parts(m)[2]].join('.')),
  row('four parts', ({ token }) => `${token}.${base64url('{}')}`),
  row('five parts, as an encrypted one has', ({ token }) => `${token}.AAAA.AAAA`),
  row('a dot in front', ({ token }) => `.${token}`),
  row('a dot behind', ({ token }) => `${token}.`),
  row('two dots between', ({ token }) => token.replace('.', '..')),
  row('padding behind', ({ token }) => `${token}=`),
  row('padding in the claims', (m) => [parts(m)[0], `${parts(m)[1]}==`, parts(m)[2]].join('.')),
  row('a space inside the claims', (m) => `${parts(m)[0]}.${parts(m)[1]} .${parts(m)[2]}`, {
    notInHeaders: true,
    because: 'a header with it has three words, which is another refusal',
  }),
  row('a line feed behind the claims', (m) => `${parts(m)[0]}.${parts(m)[1]}\n.${parts(m)[2]}`, {
    notInHeaders: true,
    because: 'no header holds one',
  }),
  row('a letter of Unicode', (m) => `${parts(m)[0]}.${parts(m)[1]}é.${parts(m)[2]}`),
  row('dots of Unicode', ({ token }) => token.replaceAll('.', '․'), {
    notInHeaders: true,
    because: 'headers hold bytes',
  }),
  row('a NUL', (m) => `${parts(m)[0]}.${parts(m)[1]}\0.${parts(m)[2]}`, {
    notInHeaders: true,
    because: 'no header holds one',
  }),
  row('the signature of another token', (m) => {
    const [, , signature] = parts({ ...m, token: m.other.access });
    return [...parts(m).slice(0, 2), signature].join('.');
  }),
  row('the claims of another token', (m) => {
    const [, claims] = parts({ ...m, token: m.other.access });
    return [parts(m)[0], claims, parts(m)[2]].join('.');
  }),
  row('8 KB of signature', ({ token }) => token + 'A'.repeat(8_000)),
  row('8 KB of claims', (m) =>
    signTexts(
      JSON.stringify(m.header),
      JSON.stringify({ ...m.claims, pad: 'x'.repeat(6_000) }),
      'k',
    ),
  ),
  row('8 KB of dots', () => '.'.repeat(8_000)),
  row('a JWT in a JWT', (m) => signTexts(JSON.stringify({ ...m.header, cty: 'JWT' }), m.token)),
  row('claims that are a text', (m) => signTexts(JSON.stringify(m.header), '"admin"')),
  row('claims that are a list', (m) => signTexts(JSON.stringify(m.header), '[1]')),
  row('claims that are null', (m) => signTexts(JSON.stringify(m.header), 'null')),
  row('claims that are no JSON', (m) => signTexts(JSON.stringify(m.header), '{exp:1}')),
  row('claims 5,000 lists deep', (m) =>
    signTexts(JSON.stringify(m.header), `{"a":${'['.repeat(2_000)}${']'.repeat(2_000)}}`),
  ),
  row('another key', (m) =>
    signTexts(JSON.stringify(m.header), JSON.stringify(m.claims), anotherKey),
  ),
  row('an empty key', (m) => signTexts(JSON.stringify(m.header), JSON.stringify(m.claims), '')),
  row('a signature in hexadecimal', (m) => {
    const [head, claims] = parts(m);
    const signature = Buffer.from(hmac(`${head}.${claims}`), 'base64url').toString('hex');
    return `${head}.${claims}.${signature}`;
  }),
];

/** Tokens bent in what is around their claims. */
export const bentForms: TokenRow[] = [...algorithms, ...headers, ...shapes];
