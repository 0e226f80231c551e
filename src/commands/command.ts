import { hostname, userInfo } from 'node:os';
import { type Config, loadConfig } from '../config.ts';
import { type Context, openContext } from '../context.ts';

export interface Command {
  summary: string;
  usage: string;
  /** @returns the exit code */
  run(args: string[], stop: AbortSignal): Promise<number>;
}

/** Writes a line for the person at the terminal. */
export function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Writes a line that is not the command's result: progress, and why it ended early. */
export function tell(text: string): void {
  process.stderr.write(`${text}\n`);
}

/**
 * Opens the shop for a command, and closes it whatever happens.
 * @param options.patient false when nodes wait for what the command locks: it is then held to the
 * time-outs of a request
 */
export async function withShop<T>(
  work: (context: Context) => Promise<T>,
  { patient = true }: { patient?: boolean } = {},
): Promise<T> {
  const config: Config = { ...loadConfig(), logLevel: 'warn' };
  const context = await openContext(config, { patient });
  try {
    await context.redis?.tried; // a hint is dropped while Redis is not connected
    return await work(context);
  } finally {
    await context.close();
  }
}

/** Who runs this command, for the record: USER@MACHINE. */
export function whoRuns(): string {
  return `${userName()}@${hostname()}`;
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.()); // a container may run under an id without a name
  }
}
