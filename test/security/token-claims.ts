import { nobodysId } from '../shopping.ts';
import {
  nowSeconds,
  row,
  signTexts,
  type TokenRow,
  withClaims,
  withRawClaim,
} from './token-tools.ts';

// All of these are signed by the shop's own key.

const invalidTimes: [name: string, raw: string][] = [
  ['a text', '"9999999999"'],
  ['a word', '"tomorrow"'],
  ['null', 'null'],
  ['true', 'true'],
  ['a list', '[9999999999]'],
  ['an object', '{}'],
  ['1e400', '1e400'],
];

const times: TokenRow[] = [
  ...invalidTimes.map(([name, raw]) => row(`exp ${name}`, (m) => withRawClaim(m, 'exp', raw))),
  ...invalidTimes.map(([name, raw]) => row(`iat ${name}`, (m) => withRawClaim(m, 'iat', raw))),
  ...invalidTimes
    .slice(0, 6)
    .map(([name, raw]) => row(`nbf ${name}`, (m) => withRawClaim(m, 'nbf', raw))),
  row('exp negative', (m) => withClaims(m, { exp: -1 }), { verdict: 'expired' }),
  row('exp zero', (m) => withClaims(m, { exp: 0 }), { verdict: 'expired' }),
  row('exp a second ago', (m) => withClaims(m, { exp: nowSeconds() - 1 }), { verdict: 'expired' }),
  row('exp half a second ago', (m) => withClaims(m, { exp: Date.now() / 1000 - 0.5 }), {
    verdict: 'expired',
  }),
  row('exp in milliseconds', (m) => withClaims(m, { exp: Date.now() + 3_600_000 }), {
    verdict: 'ok',
    because: 'only the shop can have signed it, and its session ends it on time',
  }),
  row('exp with a fraction, to come', (m) => withClaims(m, { exp: nowSeconds() + 60.5 }), {
    verdict: 'ok',
    because: 'a NumericDate may have one (RFC 7519, 2)',
  }),
  row('iat an hour to come', (m) => withClaims(m, { iat: nowSeconds() + 3_600 }), {
    verdict: 'ok',
    because: 'iat says when, not whether (RFC 7519, 4.1.6): nodes may differ in their clocks',
  }),
  row('nbf an hour to come', (m) => withClaims(m, { nbf: nowSeconds() + 3_600 })),
  row('nbf an hour ago', (m) => withClaims(m, { nbf: nowSeconds() - 3_600 }), {
    verdict: 'ok',
    because: 'it is time (RFC 7519, 4.1.5)',
  }),
  row(
    'exp twice, the last one over',
    ({ header, claims }) =>
      signTexts(JSON.stringify(header), `${JSON.stringify(claims).slice(0, -1)},"exp":1}`),
    {
      verdict: 'expired',
    },
  ),
  ...['exp', 'iat', 'jti', 'token_type', 'user_id', 'session_id'].map((name) =>
    row(`no ${name}`, (m) => withClaims(m, { [name]: undefined })),
  ),
  row('no claims at all', ({ header }) => signTexts(JSON.stringify(header), '{}')),
];

const whose: TokenRow[] = [
  ...[
    '"1"',
    '1.5',
    '-1',
    '0',
    '1e300',
    '2147483648',
    'null',
    'true',
    '[1]',
    '{"id":1}',
    '"admin"',
  ].map((raw) => row(`user_id ${raw}`, (m) => withRawClaim(m, 'user_id', raw))),
  row('user_id of a user that there is not', (m) => withClaims(m, { user_id: 2_147_483_647 }), {
    verdict: 'gone',
    asRefresh: 'ended',
  }),
  row('user_id of another, own session', (m) => withClaims(m, { user_id: m.other.id }), {
    asRefresh: 'ended',
  }),
  row(
    'own user_id, session of another',
    (m) => {
      const [, claims] = m.other.access.split('.');
      const { session_id } = JSON.parse(Buffer.from(claims ?? '', 'base64url').toString());
      return withClaims(m, { session_id });
    },
    { asRefresh: 'ended' },
  ),
  row('a session that there is not', (m) => withClaims(m, { session_id: nobodysId }), {
    asRefresh: 'ended',
  }),
  ...['""', '"x"', '7', 'null', '[]', '{}', `["${nobodysId}"]`, '"1 OR 1=1"'].map((raw) =>
    row(`session_id ${raw}`, (m) => withRawClaim(m, 'session_id', raw)),
  ),
  row(
    'the token of a session that has ended',
    ({ ended, claims }) => (claims.token_type === 'refresh' ? ended.refresh : ended.access),
    { asRefresh: 'ended' },
  ),
  row(
    'a token of the other type',
    ({ user, claims }) => (claims.token_type === 'refresh' ? user.access : user.refresh),
    { verdict: 'wrong type' },
  ),
  ...['sliding', '', 'ACCESS', 'access ', 7, null, ['access'], ['refresh']].map((token_type) =>
    row(`token_type ${JSON.stringify(token_type)}`, (m) => withClaims(m, { token_type }), {
      verdict: 'wrong type',
    }),
  ),
  row(
    'more claims: roles, aud, iss, sub',
    (m) => withClaims(m, { role: 'operator', is_staff: true, aud: 'x', iss: 'y', sub: '1' }),
    {
      verdict: 'ok',
      because: 'unknown claims are ignored (RFC 7519, 4); who somebody is the database says',
    },
  ),
];

/** Tokens bent in what they claim. */
export const bentClaims: TokenRow[] = [...times, ...whose];
