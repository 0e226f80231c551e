import { after, before, test } from 'node:test';
import { openShop, type TestShop } from '../harness.ts';
import { times } from '../shopping.ts';
import { patient } from './agree.ts';
import { AtOnce, OneByOne } from './commands.ts';
import { emptyShop, type Operation } from './model.ts';
import { buyers, others } from './plans.ts';
import { RealShop } from './real.ts';

// Interleavings that no serial order explained when the simulation found them.

let shop: TestShop;
before(async () => {
  shop = await openShop();
});
after(() => shop.close());

const fields = { name: 'Bell', price: 199, stock: 3 };
const line = { product: '0', quantity: 2 };
const beginning: Operation[] = [
  { verb: 'offer', name: '', seller: 's1', fields },
  { verb: 'order', name: '', buyer: 'b1', lines: [{ product: '0', quantity: 1 }] },
  { verb: 'add to cart', buyer: 'b1', line },
];
const cart: Operation = { verb: 'order', name: '', buyer: 'b1', lines: 'cart' };
const move = (status: 'shipped' | 'delivered'): Operation => {
  return { verb: 'move', actor: 's1', order: '0', status };
};

const found: Record<string, { at: Operation[]; choices: number[] }> = {
  'a line is added to a cart while the cart takes the stock': {
    at: [{ verb: 'add to cart', buyer: 'b1', line }, cart],
    choices: [],
  },
  'a cart is ordered while its product is withdrawn': {
    at: [cart, { verb: 'withdraw', actor: 's1', product: '0' }],
    choices: [0, 1, 0, 1, 0],
  },
  'an order is delivered while it is shipped': {
    at: [move('delivered'), move('shipped')],
    choices: [0, 0, 0, 0, 1, 1, 1],
  },
  'an order is delivered that was shipped after the delivery began': {
    at: [move('delivered'), move('shipped')],
    choices: [0, 0, 1, 1, 1, 1, 1],
  },
};

/** All ways to take turns at the beginning: which of them is the one found moves with the code. */
const beginnings = times(16, (number) => [8, 4, 2, 1].map((bit) => Math.sign(number & bit)));

for (const [what, { at, choices }] of Object.entries(found)) {
  test(`a serial order explains it when ${what}`, async () => {
    for (const turns of [choices, ...beginnings]) {
      const context = patient(shop);
      const real = await RealShop.open(context, buyers, others);
      const world = { shop: emptyShop(buyers, others), steps: 0 };
      await new OneByOne(beginning).run(world, real);
      await new AtOnce(at, turns, false).run(world, real);
      await context.db.close();
    }
  });
}
