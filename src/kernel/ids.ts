import { randomFillSync } from 'node:crypto';
import { v7 } from 'uuid';

const random = Buffer.alloc(16 * 256); // to ask the system for each id takes longer than the rest
let used = random.length;
let msecs = 0;
let seq = 0;

/**
 * A new UUIDv7 (RFC 9562): sorts by time of making, so inserts stay at the end of an index. Those
 * of one millisecond are told apart by a counter that begins at random (its section 6.2, method 1).
 */
export function newId(): string {
  if (used === random.length) {
    randomFillSync(random);
    used = 0;
  }
  const own = random.subarray(used, used + 16);
  used += 16;
  const now = Date.now();
  seq = now > msecs ? own.readUInt32BE(6) >>> 1 : seq + 1;
  msecs = Math.max(msecs, now);
  return v7({ random: own, msecs, seq });
}

const canonical = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const plain = /^[0-9a-f]{32}$/;

/**
 * Reads a UUID in upper or lower case, with or without dashes.
 * @returns the lower-case dashed form, or undefined when it is not a UUID
 */
export function parseId(value: unknown): string | undefined {
  if (typeof value !== 'string' || value.length > 36) return undefined;
  if (canonical.test(value)) return value; // as nearly all are
  const hex = value.toLowerCase().replaceAll('-', '');
  if (!plain.test(hex)) return undefined;
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20),
  ].join('-');
}
