import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { openShop, type TestShop, type User } from '../harness.ts';
import { compare, type Comparison } from './login-timing.ts';

// LOGIN_SAMPLES=1000 npm test -- login-timing measures in earnest, on a machine that does nothing
// else; without it only a gross difference is looked for, as every test run may be disturbed.

const samples = Number(process.env['LOGIN_SAMPLES'] ?? 20);
const inEarnest = samples >= 500;
/** Less is of no use over a network, where one request differs from the next by many times that. */
const usable = inEarnest
  ? { relative: 0.05, superiority: 0.06 }
  : { relative: 1, superiority: 0.4 };

let shop: TestShop;
let known: User[];
before(async () => {
  shop = await openShop();
  known = await Promise.all(Array.from({ length: 10 }, () => shop.buyer()));
});
after(() => shop.close());

async function durationOf(email: string): Promise<number> {
  const body = { email, password: 'a wrong guess' };
  const began = process.hrtime.bigint();
  const { status } = await shop.call('POST /auth/login/', { body });
  const ms = Number(process.hrtime.bigint() - began) / 1e6;
  assert.equal(status, 400);
  return ms;
}

const unknownEmail = (): string => `${randomBytes(6).toString('hex')}@example.com`;
const knownEmail = (index: number): string => known[index % known.length]?.email ?? '';

/** One of each in turn, now the one first and now the other, so that drift falls on both. */
async function measure(first: () => string, second: () => string): Promise<Comparison> {
  const [a, b]: [number[], number[]] = [[], []];
  for (let pair = -4; pair < samples; pair += 1) {
    const isSwapped = Math.random() < 0.5;
    const early = await durationOf(isSwapped ? second() : first());
    const late = await durationOf(isSwapped ? first() : second());
    if (pair < 0) continue; // warming up
    a.push(isSwapped ? late : early);
    b.push(isSwapped ? early : late);
  }
  return compare(a, b);
}

const percent = (share: number): string => `${(share * 100).toFixed(2)} %`;

function report(t: { diagnostic(text: string): void }, name: string, found: Comparison): void {
  const { medianA, medianB, relative, interval, superiority } = found;
  t.diagnostic(
    `${name}: medians ${medianA.toFixed(3)} and ${medianB.toFixed(3)} ms over ${samples} each, ` +
      `difference ${percent(relative)} (99 %: ${interval.map(percent).join(' to ')}), ` +
      `the first is slower in ${percent(superiority)} of pairs`,
  );
}

function assertAlike({ relative, superiority }: Comparison): void {
  assert.ok(Math.abs(relative) < usable.relative, percent(relative));
  assert.ok(Math.abs(superiority - 0.5) < usable.superiority, percent(superiority));
}

test('a wrong password takes as long for a known email as for an unknown one', async (t) => {
  let count = 0;
  const found = await measure(() => knownEmail((count += 1)), unknownEmail);
  report(t, 'known and unknown', found);
  assertAlike(found);
});

test('the measure tells a difference where there is one', () => {
  const noise = (): number => 15 + Math.random() * 3;
  const slow = Array.from({ length: 400 }, () => noise() * 1.08);
  const found = compare(slow, Array.from({ length: 400 }, noise));
  assert.ok(found.relative > 0.05 && found.interval[0] > 0.03 && found.superiority > 0.6);
  const same = compare(Array.from({ length: 400 }, noise), Array.from({ length: 400 }, noise));
  assert.ok(Math.abs(same.relative) < 0.04 && Math.abs(same.superiority - 0.5) < 0.15);
});
