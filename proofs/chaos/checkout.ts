import { setTimeout as sleep } from 'node:timers/promises';
import type { Person } from '../people.ts';
import type { Lines } from './cart-model.ts';
import { isCounted } from './things.ts';
import { show, type Told, type World } from './world.ts';

/** A checkout that a buyer asked for, once or again and again under one key. */
export interface Attempt {
  requestIds: string[];
  /** what may have been ordered: for a cart, each cart that there may have been */
  candidates: Lines[];
  sentAt: number;
  endedAt: number;
  /** of the answer; undefined when there was none */
  orderIds: string[] | undefined;
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
  }: {
    buyer: Person;
    key: string;
    attempt: Attempt;
    body: object | undefined;
    /** which node to ask at each try; several numbers: at once */
    nodes: () => number[];
  },
): Promise<Told | undefined> {
  const token = buyer.access;
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
      if (show(other.body) !== show(first?.body)) {
        const text = `one key, two answers: ${show(first?.body)} and ${show(other.body)}`;
        world.history.violate('I4', text, attempt.requestIds);
      }
    }
    if (first || world.isOver) return first;
    await sleep(pauseMs);
  }
}

/** The begin of a checkout; what it asks for may be sold from now on. */
export function attemptTo(world: World, candidates: Lines[]): Attempt {
  noteAsked(world, candidates);
  const sentAt = performance.now();
  return { requestIds: [], candidates, sentAt, endedAt: sentAt, orderIds: undefined };
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
