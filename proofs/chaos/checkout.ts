import { setTimeout as sleep } from 'node:timers/promises';
import type { Person } from '../people.ts';
import type { Lines } from './cart-model.ts';
import { isCounted } from './things.ts';
import type { Told, World } from './world.ts';

/** A checkout that a buyer asked for, once or again and again under one key. */
export interface Attempt {
  requestIds: string[];
  /** what may have been ordered: for a cart, each cart that there may have been */
  candidates: Lines[];
  sentAt: number;
  endedAt: number;
  /** of the answer; undefined when there was none */
  orderIds: string[] | undefined;
  /** of an attempt under a key, and what was asked for under it */
  repeat: { key: string; body: object | undefined } | undefined;
}

const pauseMs = 50; // between two tries

/**
 * Asks for a checkout under a key until there is an answer, on whichever node, sometimes on
 * several at once.
 * @returns the answer; undefined when the run ended before there was one
 */
export async function orderUnderKey(
  world: World,
  {
    buyer,
    key,
    attempt,
    body,
    nodes,
    deadline = Infinity,
  }: {
    buyer: Person;
    key: string;
    attempt: Attempt;
    body: object | undefined;
    /** which node to ask at each try; several numbers: at once */
    nodes: () => number[];
    /** on the clock of performance.now(): from then on no more tries */
    deadline?: number;
  },
): Promise<Told | undefined> {
  const token = buyer.access;
  attempt.repeat = { key, body };
  const headers = { 'Idempotency-Key': key };
  for (;;) {
    const tries = await Promise.all(
      nodes().map((node) =>
        world.ask(`buyer ${buyer.id}`, {
          what: 'place-order with key',
          route: 'POST /place-order/',
          expect: [201, 400],
          node,
          token,
          headers,
          body,
        }),
      ),
    );
    attempt.requestIds.push(...tries.map(({ requestId }) => requestId));
    attempt.endedAt = performance.now();
    const answers = tries.filter(({ certainty }) => certainty === 'answered');
    const [first] = answers;
    for (const other of answers) {
      const [text1, text2] = [JSON.stringify(first?.body), JSON.stringify(other.body)];
      if (text1 !== text2) {
        const text = `one key, two answers: ${text1} and ${text2}`;
        world.history.violate('I4', text, attempt.requestIds);
      }
    }
    if (first || world.isOver || performance.now() > deadline) return first;
    await sleep(pauseMs);
  }
}

/** The begin of a checkout; what it asks for may be sold from now on. */
export function attemptTo(world: World, candidates: Lines[]): Attempt {
  noteAsked(world, candidates);
  const sentAt = performance.now();
  const none = { orderIds: undefined, repeat: undefined };
  return { requestIds: [], candidates, sentAt, endedAt: sentAt, ...none };
}

/** Notes for the counted products that somebody asks for them. */
function noteAsked(world: World, candidates: Lines[]): void {
  const most = new Map<string, number>();
  for (const lines of candidates) {
    for (const [id, quantity] of lines) most.set(id, Math.max(quantity, most.get(id) ?? 0));
  }
  const now = performance.now();
  for (const [id, quantity] of most) {
    const thing = world.things.get(id);
    if (thing && isCounted(thing)) thing.asked.add(now, quantity);
  }
}

/** And that they were sold, when all candidates agree. */
export function noteSold(world: World, { candidates, endedAt }: Attempt): void {
  const [lines, ...others] = candidates;
  if (lines === undefined || others.length > 0) return;
  for (const [id, quantity] of lines) {
    const thing = world.things.get(id);
    if (thing && isCounted(thing)) thing.sold.add(endedAt, quantity);
  }
}
