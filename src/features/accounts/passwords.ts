import { hash, verify } from '@node-rs/argon2';
import { Unavailable } from '../../kernel/errors.ts';
import { limits } from '../../kernel/limits.ts';
import common from './common-passwords.json' with { type: 'json' };

// OWASP Password Storage Cheat Sheet: argon2id with 19 MiB, 2 passes, 1 lane.
const argon2id = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };
const commonPasswords = new Set(common.passwords);

/** What is wrong with a new password, in the classic API's words; empty when nothing is. */
export function passwordFaults(password: string, rules: 'strict' | 'classic'): string[] {
  const length = [...password].length;
  if (length > 128) return ['Ensure this field has no more than 128 characters.'];
  if (rules === 'classic') return [];
  const faults: string[] = [];
  if (length < 8) {
    faults.push('This password is too short. It must contain at least 8 characters.');
  }
  if (commonPasswords.has(password.toLowerCase())) faults.push('This password is too common.');
  return faults;
}

let running = 0;
const waiting: (() => void)[] = [];

/** Bounds the hashes at once (19 MiB each) and in line; the work itself is off this thread. */
async function inTurn<T>(work: () => Promise<T>): Promise<T> {
  if (running >= limits.passwordHashesAtOnce) {
    if (waiting.length >= limits.passwordHashesWaiting) {
      throw new Unavailable('Too many sign-ins at once. Try again in a moment.', 2);
    }
    await new Promise<void>((resolve) => waiting.push(resolve));
  } else {
    running += 1;
  }
  try {
    return await work();
  } finally {
    const next = waiting.shift();
    if (next) next();
    else running -= 1;
  }
}

/** @throws Unavailable when too many wait already */
export function hashPassword(password: string): Promise<string> {
  return inTurn(() => hash(password, argon2id));
}

let decoy: Promise<string> | undefined;

/**
 * Whether the password is the one hashed. Without a hash (no such account) it does the same work
 * and says no, so that the time does not tell who has an account.
 * @throws Unavailable when too many wait already
 */
export async function checkPassword(known: string | undefined, password: string): Promise<boolean> {
  decoy ??= hash('no account has this one', argon2id);
  const against = known ?? (await decoy);
  return (await inTurn(() => verify(against, password))) && known !== undefined;
}
