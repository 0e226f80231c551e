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

/** Opens the shop for a command that may take long, and closes it whatever happens. */
export async function withShop<T>(work: (context: Context) => Promise<T>): Promise<T> {
  const config: Config = { ...loadConfig(), logLevel: 'warn' };
  const context = await openContext(config, { patient: true });
  try {
    return await work(context);
  } finally {
    await context.close();
  }
}
