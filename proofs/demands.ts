// What a proof demands of the shop, and what it says of each demand that was not met.

/** What must be so, and what is said when it is not. */
export type Demand = [isMet: boolean, otherwise: string];

/** What was not met, in words. */
export const unmetOf = (demands: Demand[]): string[] =>
  demands.filter(([isMet]) => !isMet).map(([, otherwise]) => otherwise);

/** There must be none. @param thing one of them */
export const none = (count: number, thing: string): Demand => [
  count === 0,
  `${count} ${thing}${count === 1 ? '' : 's'}`,
];

/** A time must not be longer than its bar. */
export function inTime(what: string, ms: number, barMs: number): Demand {
  const [was, bar] = [ms, barMs].map((one) => `${Math.round(one).toLocaleString('en')} ms`);
  return [ms <= barMs, `${what} ${was} > ${bar}`];
}
