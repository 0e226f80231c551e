import type { FastifyRequest } from 'fastify';
import { HttpError } from '../../kernel/errors.ts';
import type { Access } from '../../kernel/http.ts';
import type { Principal, Sessions } from './sessions.ts';
import { BadToken, type Claims, type Tokens } from './tokens.ts';

declare module 'fastify' {
  interface FastifyRequest {
    principal: Principal | null;
  }
}

const challenge = { 'WWW-Authenticate': 'Bearer realm="api"' };

const unauthorized = (body: object): HttpError => new HttpError(401, body, challenge);

const invalidToken = (message: string): HttpError =>
  unauthorized({
    detail: 'Given token not valid for any token type',
    code: 'token_not_valid',
    messages: [{ token_class: 'AccessToken', token_type: 'access', message }],
  });

/**
 * Admits a request by its Bearer token and its role, in the classic API's words. At once when the
 * token and its session are known here, which spares hot requests a turn of the event loop.
 */
export function openGuard(tokens: Tokens, sessions: Sessions) {
  return function admit(request: FastifyRequest, access: Access): Promise<void> | undefined {
    if (access === 'anyone') return undefined;
    const token = bearerToken(request.headers.authorization);
    const claims = verifyAccess(token, tokens);
    const known = sessions.known(claims.session_id, claims.user_id);
    if (known) return enter(request, access, known);
    return findPrincipal(claims, sessions).then((found) => enter(request, access, found));
  };
}

/** Whether the header has an access token that is known here, of a session that is live. */
export function openKnownGuard(tokens: Tokens, sessions: Sessions) {
  return function isAdmitted(authorization: string | undefined): boolean {
    if (authorization?.startsWith('Bearer ') !== true) return false;
    const claims = tokens.known(authorization.slice('Bearer '.length));
    if (claims?.token_type !== 'access') return false;
    return sessions.known(claims.session_id, claims.user_id) !== undefined;
  };
}

/** @throws HttpError when the role is not the one that is asked for */
function enter(request: FastifyRequest, access: Access, principal: Principal): undefined {
  request.principal = principal;
  if (access === 'user' || access === principal.role) return;
  if (access === 'seller' && principal.role === 'operator') return;
  const wrong = request.routeOptions.config.wrongRole;
  if (wrong) throw new HttpError(wrong.status, wrong.body);
  throw new HttpError(403, { detail: 'You do not have permission to perform this action.' });
}

function bearerToken(header: string | undefined): string {
  const words = header?.trim().split(/\s+/) ?? [];
  if (words[0]?.toLowerCase() !== 'bearer') {
    throw unauthorized({ detail: 'Authentication credentials were not provided.' });
  }
  const [, token, ...more] = words;
  if (token === undefined || more.length > 0) {
    throw unauthorized({
      detail: 'Authorization header must contain two space-delimited values',
      code: 'bad_authorization_header',
    });
  }
  return token;
}

/**
 * The principal of an access token.
 * @throws HttpError 401 when the token is bad, expired, of the wrong type or revoked
 */
export async function authenticateToken(
  token: string,
  tokens: Tokens,
  sessions: Sessions,
): Promise<Principal> {
  return findPrincipal(verifyAccess(token, tokens), sessions);
}

function verifyAccess(token: string, tokens: Tokens): Claims {
  try {
    return tokens.verify(token, 'access');
  } catch (error) {
    if (error instanceof BadToken) throw invalidToken(error.message);
    throw error;
  }
}

async function findPrincipal(claims: Claims, sessions: Sessions): Promise<Principal> {
  const principal = await sessions.find(claims.session_id, claims.user_id);
  if (principal) return principal;
  if (await sessions.userExists(claims.user_id)) throw invalidToken('Token is invalid');
  throw unauthorized({ detail: 'User not found', code: 'user_not_found' });
}

/** The caller of a route that admits only the signed in. */
export function principalOf(request: FastifyRequest): Principal {
  if (request.principal === null) throw new Error('The route admits anyone');
  return request.principal;
}
