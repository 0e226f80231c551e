import fc, { type Arbitrary } from 'fast-check';
import type { Line, Operation, Shop } from './model.ts';

export const buyers = ['b1', 'b2'];
const sellers = ['s1', 's2'];
export const others = [...sellers, 'operator'];

type Order = Extract<Operation, { verb: 'order' }>;

const nothing = '9';

/**
 * The operation that is meant in this shop: as generated, before there is a shop, operations have
 * numerals for its products, from the eldest, and its orders, from the newest.
 */
export function resolve<One extends Operation>(plan: One, shop: Shop, name: string): One {
  const pick = (names: string[], numeral: string): string =>
    (numeral === nothing ? undefined : names[Number(numeral) % names.length]) ?? 'nothing';
  const product = (numeral: string) => pick(Object.keys(shop.products), numeral);
  const line = (one: Line): Line => ({ ...one, product: product(one.product) });
  const operation: Operation = plan;
  switch (operation.verb) {
    case 'order': {
      const { buyer, lines, key } = operation;
      const own = key === undefined ? name : `${buyer}-${key}`; // one name for what one key makes
      return { ...plan, name: own, lines: lines === 'cart' ? lines : lines.map(line) };
    }
    case 'add to cart':
    case 'set cart line':
      return { ...plan, line: line(operation.line) };
    case 'offer':
      return { ...plan, name: `p-${name}` };
    case 'change':
    case 'withdraw':
      return { ...plan, product: product(operation.product) };
    case 'move':
      return { ...plan, order: pick(Object.keys(shop.orders).toReversed(), operation.order) };
    case 'empty cart':
    case 'read stream':
    default:
      return plan;
  }
}

const plain = { noNullPrototype: true } as const;
const be = <Verb extends Operation['verb']>(verb: Verb) => fc.constant(verb);
const user = fc.constantFrom(...buyers, ...sellers);
const fields = {
  name: fc.constantFrom('Bell', 'Gong', 'Vase'),
  price: fc.integer({ min: 0, max: 999 }),
  stock: fc.nat({ max: 12 }),
};
const name = fc.constant('');

const anyOffer: Arbitrary<Extract<Operation, { verb: 'offer' }>> = fc.record(
  {
    verb: be('offer'),
    name,
    seller: fc.constantFrom(...sellers),
    fields: fc.record(fields, plain),
  },
  plain,
);

interface Among {
  buyer: Arbitrary<string>;
  numeral: Arbitrary<string>;
}

function orderAmong({ buyer, numeral }: Among): Arbitrary<Order> {
  const line = fc.record({ product: numeral, quantity: fc.integer({ min: 1, max: 4 }) }, plain);
  const lines = fc.array(line, { minLength: 1, maxLength: 3 });
  const key = fc.constantFrom(undefined, undefined, 'k1', 'k2', 'k3');
  return fc
    .tuple(buyer, fc.oneof(lines, fc.constant('cart' as const)), key)
    .map(([buyer, lines, key]) => {
      const order = { verb: 'order' as const, name: '', buyer, lines };
      return key === undefined ? order : { ...order, key };
    });
}

/** Operations of every kind, each as often as its weight says. */
function plansAmong(among: Among, weights: Partial<Record<Operation['verb'], number>>) {
  const { buyer, numeral } = among;
  const actor = fc.constantFrom(...others, 'operator', 'operator');
  const line = fc.record({ product: numeral, quantity: fc.nat({ max: 4 }) }, plain);
  const longer = line.filter(({ quantity }) => quantity > 0);
  const some = fc.record(fields, { ...plain, requiredKeys: [] });
  const status = fc.constantFrom('shipped', 'shipped', 'delivered', 'delivered', 'pending');
  const plans: Record<Operation['verb'], Arbitrary<object>> = {
    order: orderAmong(among),
    'add to cart': fc.record({ verb: be('add to cart'), buyer, line: longer }, plain),
    'set cart line': fc.record({ verb: be('set cart line'), buyer, line }, plain),
    'empty cart': fc.record({ verb: be('empty cart'), buyer }, plain),
    offer: anyOffer,
    change: fc.record({ verb: be('change'), actor, product: numeral, fields: some }, plain),
    withdraw: fc.record({ verb: be('withdraw'), actor, product: numeral }, plain),
    move: fc.record({ verb: be('move'), actor, order: numeral, status }, plain),
    'read stream': fc.record({ verb: be('read stream'), user, after: fc.nat({ max: 2 }) }, plain),
  };
  const weighed = Object.entries(plans).map(([verb, arbitrary]) => ({
    weight: weights[verb as Operation['verb']] ?? 1,
    arbitrary,
  }));
  return fc.oneof(...weighed) as Arbitrary<Operation>;
}

const widely = {
  buyer: fc.constantFrom(...buyers),
  numeral: fc.constantFrom('0', '1', '2', '0', '1', '2', '3', nothing),
};
// All about one cart, two products and two orders, where operations meet.
const closely = { buyer: fc.constant('b1'), numeral: fc.constantFrom('0', '1') };

const usual = { order: 8, 'add to cart': 4, 'set cart line': 2, change: 3, move: 3 };
const none = { 'add to cart': 0, 'set cart line': 0, 'empty cart': 0, offer: 0, order: 0 };

export const anyOrder = orderAmong(widely);
export const anyPlan = plansAmong(widely, usual);
/** Several operations that may meet: of all kinds, or about one cart, one stock, one order. */
export const anyMeeting: Arbitrary<Operation[]> = fc.oneof(
  several(anyPlan),
  several(plansAmong(closely, usual)),
  several(plansAmong(closely, { ...none, order: 6, change: 3, withdraw: 0, move: 0 })),
  several(plansAmong(closely, { ...none, change: 0, withdraw: 0, move: 8 })),
);

function several(plan: Arbitrary<Operation>): Arbitrary<Operation[]> {
  return fc.array(plan, { minLength: 2, maxLength: 5, size: 'max' });
}

/** A shop with something in it, to begin with. */
export const anyBeginning: Arbitrary<Operation[]> = fc
  .array(anyOffer, { minLength: 3, maxLength: 3 })
  .map((offers) => [
    ...offers.map(({ fields, ...offer }) => {
      return { ...offer, fields: { ...fields, stock: fields.stock + 2 } };
    }),
    ...['0', '1', '0', '1'].map((product, index): Operation => {
      const line = { product, quantity: 1 };
      const [buyer = ''] = buyers.slice(index % 2);
      return index < 2
        ? { verb: 'order', name: '', buyer, lines: [line] }
        : { verb: 'add to cart', buyer, line };
    }),
  ]);
