import type { Socket } from 'node:net';
import { type Runner, sql } from './db.ts';

/** Places of a checkout where a proof has the process killed, in the order they are passed. */
export const failpointNames = [
  'before-transaction',
  'after-key',
  'after-stock',
  'before-commit',
  'after-commit',
  'after-first-byte',
] as const;

type FailpointName = (typeof failpointNames)[number];

/** FAILPOINT=name:passage: the process dies when it passes that place for the nth time. */
export interface Failpoint {
  name: FailpointName;
  passage: number;
}

// Of the process and not of a context: it is the process that dies of it.
let armed: Failpoint | undefined;

export function armFailpoint(failpoint: Failpoint | undefined): void {
  armed = failpoint && { ...failpoint };
}

/** Ends this process as a power cut would, when it is to die here. */
export function failpoint(name: FailpointName): void {
  if (isReached(name)) die();
}

/** In a transaction: what was sent before has happened in the database when the process dies. */
export async function failpointIn(tx: Runner, name: FailpointName): Promise<void> {
  if (!isReached(name)) return;
  await tx.row(sql`SELECT 1`);
  die();
}

/** Lets one byte of the answer out before the process dies. */
export async function failpointOnAnswer(socket: Socket, name: FailpointName): Promise<void> {
  if (!isReached(name)) return;
  await new Promise((sent) => socket.write('H', sent));
  die();
}

function isReached(name: FailpointName): boolean {
  if (armed?.name !== name) return false;
  armed.passage -= 1;
  return armed.passage === 0;
}

function die(): void {
  process.kill(process.pid, 'SIGKILL');
}
