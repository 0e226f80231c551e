import type { Json } from '../../test/harness.ts';
import { isCounted } from './things.ts';
import { show, type Told, type World } from './world.ts';

const staleMs = 1_000; // how old a list may be: I9

/** Checks a page of products against all that is known of them (I1, I9). */
export function checkProducts(world: World, { body, sentAt, endedAt, requestId }: Told): void {
  const violate = (rule: string, text: string): void =>
    world.history.violate(rule, text, [requestId]);
  for (const product of body.results as Json[]) {
    const thing = world.things.get(product.id);
    if (product.stock < 0) violate('I1', `the stock of ${product.id} was ${product.stock}`);
    if (thing === undefined) continue; // being made just now
    const from = sentAt - staleMs;
    const prices = thing.price.during(from, endedAt);
    if (!prices.includes(product.price)) {
      violate('I9', `${thing.name} cost ${product.price}; it may have been ${show(prices)}`);
    }
    if (thing.deletedAt < from) violate('I9', `${thing.name} was listed after it was deleted`);
    if (!isCounted(thing)) continue;
    const most = thing.stock - thing.sold.at(from);
    const least = Math.max(0, thing.stock - thing.asked.now);
    if (product.stock > most || product.stock < least) {
      violate('I9', `the stock of ${thing.name} was ${product.stock}, not ${least} to ${most}`);
    }
  }
}

/** Whether everything of a seller that must be listed was. */
export function checkComplete(world: World, sellerId: number, told: Told): void {
  const listed = new Set((told.body.results as Json[]).map(({ id }) => id));
  for (const thing of world.things.values()) {
    const mustBe = thing.madeAt < told.sentAt - staleMs && thing.deleteSentAt > told.endedAt;
    if (thing.sellerId === sellerId && mustBe && !listed.has(thing.id)) {
      world.history.violate('I9', `${thing.name} was not listed`, [told.requestId]);
    }
  }
}
