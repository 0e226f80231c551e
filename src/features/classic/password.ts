import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyInstance } from 'fastify';
import type { RateRule } from '../../kernel/rate-limits.ts';
import { changePassword } from '../accounts/change-password.ts';
import { tellEnded } from '../accounts/ended-sessions.ts';
import { principalOf } from '../accounts/guards.ts';
import { passwordFaults } from '../accounts/passwords.ts';
import { refuseFaults } from './fields.ts';
import { accountSchemas } from './schema-accounts.ts';
import type { Shop } from './shapes.ts';

// Whoever holds a stolen token must not try passwords with it, nor keep the owner from a change:
// another session has tries of its own, and needs the password to begin.
const changesBySession: RateRule = { name: 'password-session', points: 10, seconds: 60 };

/** A password of one's own choice, for which the old one is asked. */
export function passwordRoutes(plain: FastifyInstance, shop: Shop): void {
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();
  const { context, rateLimiter } = shop;

  app.post('/auth/change-password/', accountSchemas.password, async (request, reply) => {
    const principal = principalOf(request);
    await rateLimiter.take(reply, [[changesBySession, principal.sessionId]]);
    const { current_password: current, new_password: next } = request.body;
    const faults = passwordFaults(next, context.config.passwordRules);
    if (faults.length > 0) refuseFaults({ new_password: faults });
    const ended = await changePassword(context.db, principal, { current, next });
    if (ended === undefined) refuseFaults({ current_password: ['This is not your password.'] });
    else tellEnded(context.bus, ended);
    return { message: 'Password changed.' };
  });
}
