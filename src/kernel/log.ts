import type { DatabaseError } from 'pg';
import { type DestinationStream, type Level, type Logger, type LogFn, pino } from 'pino';
import { boundedPerSecond } from './bounded-lines.ts';
import { limits } from './limits.ts';

const secrets = ['password', 'access', 'refresh', 'token', 'ticket', 'authorization'];

/**
 * A JSON logger that blanks anything that looks like a secret, at the top and one level down. Of
 * one message it writes `logLinesPerSecond` at most, and then how many it left out.
 * @param to standard output, unless given
 */
export function openLog(level: string, to?: DestinationStream): Logger {
  const paths = secrets.flatMap((key) => [key, `*.${key}`, `*.*.${key}`]);
  const bounds = new Map<number, (message: string) => boolean>();
  const options: pino.LoggerOptions = {
    level,
    redact: { paths, censor: '[redacted]' },
    serializers: { err: describeError },
    hooks: {
      logMethod(args, method, levelNumber) {
        if (bounds.get(levelNumber)?.(messageOf(args)) !== false) method.apply(this, args);
      },
    },
  };
  const log = to ? pino(options, to) : pino(options);
  for (const [name, levelNumber] of Object.entries(log.levels.values)) {
    const report = (of: string, unwritten: number): void =>
      log[name as Level]({ unwritten, of }, 'more lines than are written');
    bounds.set(levelNumber, boundedPerSecond(limits.logLinesPerSecond, report));
  }
  return log;
}

function messageOf([first, second]: Parameters<LogFn>): string {
  return typeof first === 'string' ? first : String(second);
}

/** Of PostgreSQL's fields only names: `detail` and `where` hold the row that was refused. */
function describeError(error: unknown): object {
  if (!(error instanceof Error)) return { message: String(error) };
  const { message, stack } = error;
  const { code, table, column, constraint } = error as Partial<DatabaseError>;
  return { type: error.name, message, stack, code, table, column, constraint };
}
