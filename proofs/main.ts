import { chaos } from './chaos/chaos.ts';
import { flashSale } from './flash-sale.ts';
import { killPoints } from './kill-points.ts';
import { paused } from './paused.ts';
import { pool } from './pool.ts';
import { errorCode } from '../src/kernel/db-errors.ts';
import { OperatorError } from '../src/kernel/errors.ts';
import type { Proof } from './proof.ts';
import { sameKey } from './same-key.ts';
import { socketDrops } from './socket-drops.ts';

const proofs: Record<string, Proof> = {
  chaos,
  'kill-points': killPoints,
  'same-key': sameKey,
  'flash-sale': flashSale,
  pool,
  paused,
  'socket-drops': socketDrops,
};

const help = `Usage: npm run prove -- NAME [options]

${Object.entries(proofs)
  .map(([name, { summary }]) => `  ${name.padEnd(14)}${summary}`)
  .join('\n')}

NAME --help tells more. They need redis-server and start everything else themselves.
`;

const say = (text: string): void => void process.stdout.write(`${text}\n`);

/** Runs one proof. @returns 0 when it held, 1 when it did not, 2 when it was called wrongly */
export async function prove(args: string[], signal: AbortSignal): Promise<number> {
  const [name = '--help', ...rest] = args;
  if (['--help', '-h', 'help'].includes(name)) return (say(help), 0);
  const proof = Object.hasOwn(proofs, name) ? proofs[name] : undefined;
  if (proof === undefined) return (say(`No proof "${name}".\n\n${help}`), 2);
  if (rest.includes('--help') || rest.includes('-h')) return (say(proof.usage), 0);
  try {
    return (await proof.run(rest, { signal, say })) ? 0 : 1;
  } catch (error) {
    say(`✖ ${name} could not be run: ${explain(error)}`);
    return 2;
  }
}

/** A mistake of the caller needs no stack. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const isMistake = error instanceof OperatorError || errorCode(error).startsWith('ERR_PARSE_ARGS');
  return (isMistake ? error.message : error.stack) ?? error.message;
}
