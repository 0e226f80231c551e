import { randomBytes } from 'node:crypto';
import { text } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import { createAccount, EmailTaken, type Role } from '../features/accounts/accounts.ts';
import { passwordFaults } from '../features/accounts/passwords.ts';
import { changeRole } from '../features/accounts/standing.ts';
import { bodyReader } from '../features/classic/fields.ts';
import { HttpError, OperatorError } from '../kernel/errors.ts';
import { Type } from 'typebox';
import { type Command, say, whoRuns, withShop } from './command.ts';

/** `souk operator create EMAIL` and its like: accounts that cannot sign up by themselves. */
export function accountCommand({ role, may }: { role: Role; may: string }): Command {
  return {
    summary: `create an account for ${role === 'operator' ? 'an operator' : 'a seller'}`,
    usage: `Usage: souk ${role} create <email> [--password-stdin]

Creates an account with the role ${role} and prints its password, which is made up unless
--password-stdin reads it from standard input. An existing account of that email keeps its
password, gets the role and is logged out everywhere. ${may}`,
    async run(args) {
      const { values, positionals } = parseArgs({
        args,
        options: { 'password-stdin': { type: 'boolean' } },
        allowPositionals: true,
      });
      const [verb, given, ...more] = positionals;
      if (verb !== 'create' || given === undefined || more.length > 0) {
        throw new OperatorError(this.usage);
      }
      const email = readEmail(given);
      const password = values['password-stdin'] ? await readPassword() : undefined;
      return withShop(
        async (context) => {
          const used = password ?? randomBytes(12).toString('base64url');
          try {
            await createAccount(context.db, { email, password: used, role, userType: role });
            say(`Created the ${role} ${email}`);
            if (password === undefined) say(`Password: ${used}`);
          } catch (error) {
            if (!(error instanceof EmailTaken)) throw error;
            const { disabledAt } = await changeRole(context, email, { role, by: whoRuns() });
            say(`${email} has an account already; it is a ${role} now, with its old password.`);
            if (disabledAt) say('It is disabled: see souk user --help.');
          }
          return 0;
        },
        { patient: false },
      );
    },
  };
}

function readEmail(email: string): string {
  try {
    bodyReader(Type.Object({ email: Type.String({ format: 'email', maxLength: 254 }) }))({ email });
  } catch (error) {
    if (error instanceof HttpError) throw new OperatorError(`"${email}" is not an email address.`);
    throw error;
  }
  return email;
}

async function readPassword(): Promise<string> {
  const password = (await text(process.stdin)).replace(/\r?\n$/, '');
  const faults = passwordFaults(password, 'strict');
  if (faults.length > 0) throw new OperatorError(faults.join(' '));
  return password;
}
