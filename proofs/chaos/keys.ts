import type { Ask } from '../client.ts';
import type { Random } from '../random.ts';
import type { Attempt } from './checkout.ts';
import type { Told, World } from './world.ts';

/** Asks a node for a checkout, as one buyer. */
export type AskToOrder = (what: string, call: Ask & { expect: number[] }) => Promise<Told>;

/** A key that has its order answers the same for ever (I4). */
export async function repeatKey({
  world,
  random,
  attempts,
  ask,
}: {
  world: World;
  random: Random;
  attempts: Attempt[];
  ask: AskToOrder;
}): Promise<void> {
  const keyed = attempts.filter(({ orderIds, repeat }) => orderIds && repeat);
  if (keyed.length === 0) return;
  const { repeat, orderIds, requestIds } = random.pick(keyed);
  const told = await ask('place-order, key repeated', {
    expect: [201],
    body: repeat?.body,
    headers: { 'Idempotency-Key': repeat?.key ?? '' },
  });
  const [first, now] = [String(orderIds), String(told.body?.order_ids)];
  if (told.status !== 201 || now === first) return;
  const text = `${repeat?.key}: first ${first}, then ${now}`;
  world.history.violate('I4', text, [...requestIds, told.requestId]);
}
