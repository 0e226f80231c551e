import cluster from 'node:cluster';
import { backup } from './commands/backup.ts';
import { operator } from './commands/operator.ts';
import { migrateCommand } from './commands/migrate.ts';
import { restore } from './commands/restore.ts';
import { seed } from './commands/seed.ts';
import { seller } from './commands/seller.ts';
import { serve } from './commands/serve.ts';
import { user } from './commands/user.ts';
import { verify } from './commands/verify.ts';
import { errorCode } from './kernel/db-errors.ts';
import { OperatorError, Unavailable } from './kernel/errors.ts';
import { say, type Command } from './commands/command.ts';

const commands: Record<string, Command> = {
  serve,
  migrate: migrateCommand,
  seed,
  operator,
  seller,
  user,
  verify,
  backup,
  restore,
};

const help = `Souk: a marketplace backend

Usage: souk <command> [options]

${Object.entries(commands)
  .map(([name, { summary }]) => `  ${name.padEnd(10)}${summary}`)
  .join('\n')}

souk <command> --help tells more. Settings come from the environment or a .env file; see
.env.example.
`;

/** Runs one command. Exit codes: 0 done, 1 it found or met a failure, 2 it was called wrongly. */
async function main(args: string[], stop: AbortSignal): Promise<number> {
  const [name = '--help', ...rest] = args;
  if (['--help', '-h', 'help'].includes(name)) return (say(help), 0);
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) throw new OperatorError(`No command "${name}".\n\n${help}`);
  if (rest.includes('--help') || rest.includes('-h')) return (say(command.usage), 0);
  return command.run(rest, stop);
}

const stopping = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    // Asked twice: at once. A worker is asked by the terminal and by its primary.
    if (stopping.signal.aborted && cluster.isPrimary) process.exit(130);
    stopping.abort();
  });
}

// Should all work end without a result, that is a failure.
process.exitCode = 1;
main(process.argv.slice(2), stopping.signal).then(
  (code) => process.exit(code),
  (error: unknown) => {
    const text = error instanceof Error ? error : new Error(String(error));
    const isTheirs = isMistake(text);
    process.stderr.write(`${isTheirs ? text.message : text.stack}\n`);
    process.exit(isTheirs ? 2 : 1);
  },
);

/** A mistake in how the program was called or set up: its message says all. */
function isMistake(error: Error): boolean {
  if (error instanceof OperatorError || error instanceof Unavailable) return true;
  return errorCode(error).startsWith('ERR_PARSE_ARGS');
}
