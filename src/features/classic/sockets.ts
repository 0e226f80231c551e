import type { IncomingMessage } from 'node:http';
import type { Context } from '../../context.ts';
import { HttpError } from '../../kernel/errors.ts';
import { authenticateToken } from '../accounts/guards.ts';
import type { Principal, Sessions } from '../accounts/sessions.ts';
import { redeemTicket } from '../accounts/socket-tickets.ts';
import type { Tokens } from '../accounts/tokens.ts';
import type { Handshake } from '../notifications/sockets.ts';

const path = /^(?:\/app)?\/ws\/notifications(?:\/([^/]+))?\/?$/;

/**
 * The classic socket addresses: /ws/notifications/TOKEN/ and /ws/notifications/?token=TOKEN, or
 * an Authorization header; `after` is the last offset the client has seen.
 */
export function readHandshake(request: IncomingMessage): Handshake | undefined {
  const target = request.url ?? '';
  if (!URL.canParse(target, 'http://localhost')) return undefined;
  const url = new URL(target, 'http://localhost');
  const match = path.exec(url.pathname);
  if (!match) return undefined;
  const header = /^bearer\s+(\S+)$/i.exec(request.headers.authorization?.trim() ?? '')?.[1];
  const credential = match[1] ?? url.searchParams.get('token') ?? header;
  const after = url.searchParams.get('after') ?? '';
  return { credential, after: /^\d{1,15}$/.test(after) ? Number(after) : undefined };
}

/** Admits access tokens, which have dots, and tickets, which have none. */
export function socketAuthenticator(
  { db }: Context,
  tokens: Tokens,
  sessions: Sessions,
): (credential: string) => Promise<Principal | undefined> {
  return async (credential) => {
    if (!credential.includes('.')) {
      const redeemed = await redeemTicket(db, credential);
      return redeemed && sessions.find(redeemed.sessionId, redeemed.userId);
    }
    try {
      return await authenticateToken(credential, tokens, sessions);
    } catch (error) {
      if (error instanceof HttpError) return undefined;
      throw error;
    }
  };
}
