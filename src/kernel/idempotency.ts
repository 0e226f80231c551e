import { sql, type Tx } from './db.ts';

/** One request under a client's key (draft-ietf-httpapi-idempotency-key-header). */
export interface Claim {
  userId: number;
  key: string;
  /** SHA-256 of what was asked: the same key with another request is a mistake of the client */
  requestHash: Buffer;
}

/** What an earlier request with the same key came to. */
export interface Earlier {
  sameRequest: boolean;
  outcome: string;
}

/**
 * Claims keys for the effects of this transaction, in key order and before any other lock. A
 * concurrent claim of the same key waits here for the other transaction to end.
 * @returns for each claim what came of it earlier, or undefined: it is ours
 */
export async function claimKeys(tx: Tx, claims: Claim[]): Promise<(Earlier | undefined)[]> {
  if (claims.length === 0) return [];
  const users = claims.map((claim) => claim.userId);
  const keys = claims.map((claim) => claim.key);
  const hashes = claims.map((claim) => claim.requestHash);
  const claimed = await tx.rows<{ user_id: number; key: string }>(sql`
    INSERT INTO idempotency_keys (user_id, key, request_hash)
    SELECT * FROM unnest(${users}::int[], ${keys}::text[], ${hashes}::bytea[]) AS c (u, k, h)
    ORDER BY u, k
    ON CONFLICT DO NOTHING
    RETURNING user_id, key`);
  if (claimed.length === claims.length) return claims.map(() => undefined);

  const ours = new Set(claimed.map((row) => `${row.user_id} ${row.key}`));
  const earlier = await tx.rows<{
    user_id: number;
    key: string;
    request_hash: Buffer;
    outcome: string;
  }>(sql`
    SELECT i.user_id, i.key, i.request_hash, i.outcome
    FROM idempotency_keys i JOIN unnest(${users}::int[], ${keys}::text[]) AS c (u, k)
      ON i.user_id = c.u AND i.key = c.k`);
  const found = new Map(earlier.map((row) => [`${row.user_id} ${row.key}`, row]));
  return claims.map((claim) => {
    const name = `${claim.userId} ${claim.key}`;
    if (ours.has(name)) return undefined;
    const row = found.get(name);
    if (row === undefined) throw new Error('An idempotency key vanished'); // they are kept
    return { sameRequest: row.request_hash.equals(claim.requestHash), outcome: row.outcome };
  });
}

/** Keeps what the claimed requests came to, in the transaction of their effects. */
export function keepOutcomes(tx: Tx, kept: { claim: Claim; outcome: string }[]): void {
  if (kept.length === 0) return;
  const users = kept.map((one) => one.claim.userId);
  const keys = kept.map((one) => one.claim.key);
  const outcomes = kept.map((one) => one.outcome);
  tx.send(sql`
    UPDATE idempotency_keys i SET outcome = c.outcome
    FROM unnest(${users}::int[], ${keys}::text[], ${outcomes}::text[]) AS c (u, k, outcome)
    WHERE i.user_id = c.u AND i.key = c.k`);
}
