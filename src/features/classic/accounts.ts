import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyInstance } from 'fastify';
import { invalid } from '../../kernel/errors.ts';
import { networkOf } from '../../kernel/networks.ts';
import type { RateRule } from '../../kernel/rate-limits.ts';
import {
  type Account,
  beginSession,
  createAccount,
  EmailTaken,
  emailIsTaken,
  findAccountByPassword,
} from '../accounts/accounts.ts';
import { principalOf } from '../accounts/guards.ts';
import { passwordFaults } from '../accounts/passwords.ts';
import { issueTicket } from '../accounts/socket-tickets.ts';
import { BadToken, type Claims } from '../accounts/tokens.ts';
import { collectFields, type FieldErrors, refuseFaults } from './fields.ts';
import { accountSchemas, type RegisterFields, sellerTypes } from './schema-accounts.ts';
import type { Shop } from './shapes.ts';

// Generous for people, tight for guessing; an account is limited together with the address, so
// that a stranger cannot lock its owner out.
const rules = {
  registerByAddress: { name: 'register', points: 30, seconds: 60 },
  loginByAddress: { name: 'login', points: 60, seconds: 60 },
  loginByAccount: { name: 'login-account', points: 10, seconds: 60 },
  refreshByAddress: { name: 'refresh', points: 240, seconds: 60 },
  refreshByAccount: { name: 'refresh-account', points: 60, seconds: 60 },
  ticketsByAccount: { name: 'ticket-account', points: 240, seconds: 60 },
} satisfies Record<string, RateRule>;

const emailTaken: FieldErrors = { email: ['user with this email already exists.'] };

const wrongCredentials = () => invalid('Invalid email or password.');

/** @throws Refusal when the account was disabled, or given another password, a moment ago */
async function logIn({ context, tokens }: Shop, account: Account) {
  const { id: userId } = account;
  const sessionId = await beginSession(context.db, account, context.config.refreshTokenHours);
  if (sessionId === undefined) throw wrongCredentials();
  const sign = (type: 'access' | 'refresh') => tokens.sign(type, { userId, sessionId });
  return { access: sign('access'), refresh: sign('refresh') };
}

/** /auth/… of the classic API: registration and login. */
export function accountRoutes(plain: FastifyInstance, shop: Shop): void {
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();
  const { context, rateLimiter } = shop;
  const { db } = context;

  app.post('/auth/register-user/', accountSchemas.register, async (request, reply) => {
    await rateLimiter.take(reply, [[rules.registerByAddress, networkOf(request.ip)]]);
    const body = await readRegistration(shop, request.body);
    const { email, password, user_type, name, username, phone_number } = body;
    const account = await createAccount(db, {
      email,
      password,
      role: sellerTypes.includes(user_type) ? 'seller' : 'buyer',
      userType: user_type,
      name: name ?? undefined,
      username: username ?? undefined,
      phoneNumber: phone_number ?? undefined,
    }).catch((error: unknown) => {
      if (error instanceof EmailTaken) refuseFaults(emailTaken);
      throw error;
    });
    const user = {
      id: account.id,
      email: account.email,
      username: username ?? null,
      phone_number: phone_number ?? null,
      user_type,
    };
    request.admitted = account.id;
    return reply.code(201).send({ user, ...(await logIn(shop, account)) });
  });

  app.post('/auth/login/', accountSchemas.login, async (request, reply) => {
    const { email, password } = readCredentials(request.body);
    await rateLimiter.take(reply, [
      [rules.loginByAddress, networkOf(request.ip)],
      [rules.loginByAccount, `${email.toLowerCase()} ${networkOf(request.ip)}`],
    ]);
    const account = await findAccountByPassword(db, email, password);
    if (!account) throw wrongCredentials();
    request.admitted = account.id;
    const user = { email: account.email, name: account.name };
    return { user, ...(await logIn(shop, account)) };
  });
}

/** /auth/… of the classic API: what a session can do: new tokens, socket tickets, its end. */
export function sessionRoutes(plain: FastifyInstance, shop: Shop): void {
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();
  const { context, tokens, sessions, rateLimiter } = shop;

  app.post('/auth/get-access-token/', accountSchemas.refresh, async (request, reply) => {
    await rateLimiter.take(reply, [[rules.refreshByAddress, networkOf(request.ip)]]);
    const { refresh } = request.body;
    if (isBlank(refresh)) throw invalid('Refresh token is required.');
    const { user_id: userId, session_id: sessionId } = await liveRefresh(shop, refresh);
    await rateLimiter.take(reply, [[rules.refreshByAccount, String(userId)]]);
    return { access: tokens.sign('access', { userId, sessionId }) };
  });

  app.post('/auth/logout/', accountSchemas.logout, async (request) => {
    const { userId, sessionId } = principalOf(request);
    const { refresh } = request.body;
    const ended = [sessionId];
    if (!isBlank(refresh)) {
      const claims = await liveRefresh(shop, refresh);
      if (claims.user_id !== userId) throw invalid('Token is invalid');
      if (claims.session_id !== sessionId) ended.push(claims.session_id);
    }
    await sessions.logOut(ended);
    return { message: 'Successfully logged out.' };
  });

  app.post('/auth/ws-ticket/', accountSchemas.ticket, async (request, reply) => {
    const principal = principalOf(request);
    await rateLimiter.take(reply, [[rules.ticketsByAccount, String(principal.userId)]]);
    return { ticket: await issueTicket(context.db, principal) };
  });
}

/** @throws HttpError 400 with every failing field */
async function readRegistration({ context }: Shop, body: unknown): Promise<RegisterFields> {
  const { config, db } = context;
  const { value, errors } = collectFields(accountSchemas.registerBody, body, {
    password: (password) => passwordFaults(password, config.passwordRules),
    user_type: (type) =>
      config.sellerSignup === 'closed' && sellerTypes.includes(type)
        ? ['Sellers do not sign up here. Ask the operator of this shop for an account.']
        : [],
  });
  const { email } = value;
  if (!errors['email'] && typeof email === 'string' && (await emailIsTaken(db, email))) {
    Object.assign(errors, emailTaken);
  }
  refuseFaults(errors);
  return value as RegisterFields;
}

/** @throws Refusal in the classic API's words */
function readCredentials(body: Record<string, unknown>): { email: string; password: string } {
  const { email, password } = body;
  const texts = [email, password].map((value) =>
    typeof value === 'number' ? String(value) : value,
  );
  const [mail, secret] = texts;
  if (
    typeof mail !== 'string' ||
    typeof secret !== 'string' ||
    mail.trim() === '' ||
    secret === ''
  ) {
    throw invalid('Email and password are required.');
  }
  // Nothing with these characters can be registered; PostgreSQL would refuse them.
  if (mail.includes('\0') || mail.trim().length > 254) throw wrongCredentials();
  return { email: mail.trim(), password: secret };
}

const isBlank = (value: unknown): boolean =>
  value === undefined || value === null || (typeof value === 'string' && value.trim() === '');

/** @throws Refusal saying what is wrong with the refresh token */
async function liveRefresh({ tokens, sessions }: Shop, refresh: unknown): Promise<Claims> {
  if (typeof refresh !== 'string') throw invalid('Token is invalid');
  try {
    const claims = tokens.verify(refresh.trim(), 'refresh');
    if (await sessions.find(claims.session_id, claims.user_id)) return claims;
  } catch (error) {
    if (error instanceof BadToken) throw invalid(error.message);
    throw error;
  }
  throw invalid('Token is blacklisted');
}
