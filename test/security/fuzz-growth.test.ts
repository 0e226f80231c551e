import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { cleanUp } from '../program.ts';
import { bombs } from './fuzz-bombs.ts';
import { usualRequest } from './fuzz-requests.ts';
import { type Route, readRoutes } from './fuzz-routes.ts';
import { type FuzzShop, isFull, openFuzzShop } from './fuzz-shop.ts';

// Hostile requests over and over: what they cost in memory is given back.

const warmRounds = isFull ? 10 : 1;
const rounds = isFull ? 100 : 2;
const growthMegabytes = 30;
/** The heap takes more from the system once in a while; a leak grows every time. */
const measurements = 6;

let shop: FuzzShop;
let routes: Route[];
before(async () => {
  shop = await openFuzzShop();
  routes = (await readRoutes(shop)).filter(({ body }) => body !== undefined);
});
after(cleanUp);

const random = (): string => randomBytes(100).toString('base64url');

/** Every bomb at one route, and whatever might be kept by name: searches, keys, tokens, ids. */
async function round(number: number): Promise<void> {
  const route = routes[number % routes.length];
  assert.ok(route);
  await shop.askAll(bombs, async ({ body, headers }) => {
    const usual = usualRequest(shop, route);
    const answer = await shop.ask({ ...usual, headers: { ...usual.headers, ...headers }, body });
    if (answer.status === 200) await shop.renew('user'); // logged out
  });
  const Authorization = `Bearer ${shop.users.buyer.access}`;
  await shop.askAll(Array.from({ length: 60 }), async () => {
    const path = `/list-product/?search=${random()}&${random()}=1`;
    await shop.ask({ method: 'GET', path, headers: { Authorization } });
    const forged = { Authorization: `Bearer ${random()}.${random()}.${random()}` };
    await shop.ask({ method: 'GET', path: `/${random()}`, headers: forged });
    await shop.ask({
      method: 'POST',
      path: '/place-order/',
      headers: { Authorization, 'Idempotency-Key': random(), [random()]: random() },
    });
  });
}

test('round after round of hostile requests leaves the memory as it was', async (context) => {
  let number = 0;
  const goOn = async (count: number): Promise<void> => {
    for (const end = number + count; number < end; number += 1) await round(number);
  };
  await goOn(warmRounds);
  let growth = Number.POSITIVE_INFINITY;
  for (let left = measurements; left > 0 && growth > growthMegabytes; left -= 1) {
    const before = await shop.megabytes();
    await goOn(rounds);
    growth = (await shop.megabytes()) - before;
    context.diagnostic(`${rounds} rounds: ${before.toFixed(0)} MB and ${growth.toFixed(0)} more`);
  }
  assert.ok(growth <= growthMegabytes, `grew by ${growth.toFixed(0)} MB every time`);
});
