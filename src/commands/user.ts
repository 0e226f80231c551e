import { parseArgs } from 'node:util';
import type { Context } from '../context.ts';
import { describeAccount, disableAccount, enableAccount } from '../features/accounts/standing.ts';
import { OperatorError } from '../kernel/errors.ts';
import { limits } from '../kernel/limits.ts';
import { type Command, say, whoRuns, withShop } from './command.ts';

export const user: Command = {
  summary: 'put somebody out, let them in again, see their state',
  usage: `Usage: souk user disable <email> [--reason TEXT]
       souk user enable <email> [--reason TEXT]
       souk user show <email>

  disable   ends every session of the account on every node within a second: its tokens and
            tickets are refused, its sockets are closed (4401), and it cannot log in. To others
            this looks like a wrong password.
  enable    lets it log in again. Sessions that were ended stay ended.
  show      its role and state, how many sessions are live, and what was done to it.

The user's id, as in the log, does instead of the email. Nothing else changes: the products of a
disabled seller stay on sale, and orders stay as they are. An operator may delete the products and
move the orders. Who did what, when and why (--reason) is recorded and shown by "show".
Exit code 0: done, or nothing to do. 2: there is no such account.`,
  async run(args) {
    const { values, positionals } = parseArgs({
      args,
      options: { reason: { type: 'string' } },
      allowPositionals: true,
    });
    const [name = '', who, ...more] = positionals;
    const verb = Object.hasOwn(verbs, name) ? verbs[name] : undefined;
    if (verb === undefined || who === undefined || more.length > 0) {
      throw new OperatorError(this.usage);
    }
    const reason = readReason(values.reason);
    if (name === 'show' && reason) throw new OperatorError('"show" takes no --reason.');
    await withShop(
      async (context) => {
        for (const line of await verb(context, who, reason)) say(line);
      },
      { patient: false },
    );
    return 0;
  },
};

type Verb = (context: Context, who: string, reason: string | undefined) => Promise<string[]>;

const verbs: Record<string, Verb> = {
  async disable(context, who, reason) {
    const { email, id, disabledAt, changed, sessionsEnded } = await disableAccount(context, who, {
      reason,
      by: whoRuns(),
    });
    const name = `${email} (user ${id})`;
    const at = timeOf(disabledAt);
    if (!changed) return [`${name} is disabled already, since ${at}.`];
    return [`Disabled ${name} at ${at}. Sessions ended: ${sessionsEnded}.`];
  },
  async enable(context, who, reason) {
    const { email, id, changed } = await enableAccount(context, who, { reason, by: whoRuns() });
    const name = `${email} (user ${id})`;
    if (!changed) return [`${name} is not disabled.`];
    return [`Enabled ${name}: it can log in again.`];
  },
  async show({ db }, who) {
    const { email, id, role, disabledAt, liveSessions, changes } = await describeAccount(db, who);
    return [
      `Email:          ${email}`,
      `User:           ${id}`,
      `Role:           ${role}`,
      `State:          ${disabledAt ? `disabled since ${timeOf(disabledAt)}` : 'enabled'}`,
      `Live sessions:  ${liveSessions}`,
      ...changes.map(describeChange),
    ];
  },
};

type Changes = Awaited<ReturnType<typeof describeAccount>>['changes'];

function describeChange({ at, kind, role, by, sessionsEnded, reason }: Changes[number]): string {
  const what = role === null ? kind : `made ${role}`;
  const ended = kind === 'enabled' ? '' : `, sessions ended: ${sessionsEnded}`;
  return `${timeOf(at)}  ${what} by ${by}${ended}${reason === null ? '' : `: ${reason}`}`;
}

const timeOf = (time: Date | null): string => time?.toISOString() ?? '';

/** It is shown on terminals: one line, without control characters. */
function readReason(given: string | undefined): string | undefined {
  const reason = given?.trim();
  if (reason === undefined) return undefined;
  if (reason === '' || reason.length > limits.accountReasonCharacters || /\p{Cc}/u.test(reason)) {
    throw new OperatorError(
      `--reason takes one line of 1 to ${limits.accountReasonCharacters} characters.`,
    );
  }
  return reason;
}
