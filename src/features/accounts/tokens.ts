import { createSigner, createVerifier, TokenError } from 'fast-jwt';
import { newId, parseId } from '../../kernel/ids.ts';
import { limits } from '../../kernel/limits.ts';

export type TokenType = 'access' | 'refresh';

/** The claims of the classic API's tokens, and the session that both tokens of a login share. */
export interface Claims {
  token_type: TokenType;
  user_id: number;
  session_id: string;
  jti: string;
  iat: number;
  exp: number;
}

/** Why a token is refused; the text is the classic API's. */
export class BadToken extends Error {
  override name = 'BadToken';
}

export interface Tokens {
  sign(type: TokenType, user: { userId: number; sessionId: string }): string;
  /** @throws BadToken `Token is invalid`, `Token is expired` or `Token has wrong type` */
  verify(token: string, type: TokenType): Claims;
  /** What was verified lately and has not expired. */
  known(token: string): Claims | undefined;
}

/** JWTs (RFC 7519) signed with HS256 and nothing else; revocation is checked by the sessions. */
export function openTokens(
  key: Buffer,
  config: { accessTokenMinutes: number; refreshTokenHours: number },
): Tokens {
  const signers = {
    access: createSigner({
      key,
      algorithm: 'HS256',
      expiresIn: config.accessTokenMinutes * 60_000,
    }),
    refresh: createSigner({
      key,
      algorithm: 'HS256',
      expiresIn: config.refreshTokenHours * 3_600_000,
    }),
  };
  const verifier = createVerifier({
    key,
    algorithms: ['HS256'],
    requiredClaims: ['exp', 'iat', 'jti', 'token_type'],
  });
  // By the whole token, so that a hot one costs a look-up and neither signature nor hash.
  const verified = new Map<string, Claims>(); // the first was verified longest ago
  const known = (token: string): Claims | undefined => {
    const claims = verified.get(token);
    return claims && claims.exp * 1000 > Date.now() ? claims : undefined;
  };
  const keep = (token: string, claims: Claims): Claims => {
    verified.set(token, claims);
    if (verified.size > limits.cachedTokens) verified.delete(verified.keys().next().value ?? '');
    return claims;
  };
  return {
    sign: (type, { userId, sessionId }) =>
      signers[type]({ token_type: type, user_id: userId, session_id: sessionId, jti: newId() }),
    verify(token, type) {
      const claims = known(token) ?? keep(token, decode(verifier, token));
      if (claims.token_type !== type) throw new BadToken('Token has wrong type');
      return claims;
    },
    known,
  };
}

function decode(verifier: (token: string) => unknown, token: string): Claims {
  let claims: Partial<Claims>;
  try {
    claims = verifier(token) as Partial<Claims>;
  } catch (error) {
    const expired = error instanceof TokenError && error.code === TokenError.codes.expired;
    throw new BadToken(expired ? 'Token is expired' : 'Token is invalid');
  }
  const user = claims.user_id ?? 0;
  const isUser = Number.isInteger(user) && user > 0 && user <= 2_147_483_647;
  const isDated = Number.isFinite(claims.iat) && Number.isFinite(claims.exp); // 1e400 is a number
  if (!isUser || !isDated || parseId(claims.session_id) === undefined) {
    throw new BadToken('Token is invalid');
  }
  return claims as Claims;
}
