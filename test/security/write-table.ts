import { randomBytes } from 'node:crypto';
import type { Caller, Kind, World } from './route-world.ts';

/** One write, as it is meant to be sent. */
export interface Write {
  route: string;
  caller: Caller;
  kind: Kind;
  status: number;
  body(id: string, world: World): Record<string, unknown>;
}

const email = (): string => `${randomBytes(8).toString('hex')}@example.com`;
const registration = { password: 'quiet river 9', user_type: 'viewer' };

/** A write of each route that takes a body. */
export const writes: Write[] = [
  {
    route: 'POST /auth/register-user/',
    caller: 'anonymous',
    kind: 'nothing',
    status: 201,
    body: () => ({ ...registration, email: email() }),
  },
  {
    route: 'POST /auth/login/',
    caller: 'anonymous',
    kind: 'login',
    status: 200,
    body: (id, world) => ({ email: id, password: world.userOf('buyer')?.password }),
  },
  {
    route: 'POST /auth/get-access-token/',
    caller: 'anonymous',
    kind: 'token',
    status: 200,
    body: (refresh) => ({ refresh }),
  },
  {
    route: 'POST /auth/change-password/',
    caller: 'otherBuyer',
    kind: 'token', // another session, for it to end
    status: 200,
    body: (_id, world) => {
      const { password } = world.userOf('otherBuyer') ?? {};
      return { current_password: password, new_password: password };
    },
  },
  {
    route: 'POST /category/',
    caller: 'seller',
    kind: 'nothing',
    status: 201,
    body: () => ({ name: 'Tools', description: 'To mend with' }),
  },
  {
    route: 'PATCH /category/',
    caller: 'seller',
    kind: 'category',
    status: 200,
    body: (id) => ({ category_id: id, name: 'Tools' }),
  },
  {
    route: 'POST /product/',
    caller: 'seller',
    kind: 'category',
    status: 201,
    body: (id) => ({ name: 'Saw', description: 'Cuts', price: 5, stock: 3, category_id: id }),
  },
  {
    route: 'PATCH /product/',
    caller: 'seller',
    kind: 'product',
    status: 200,
    body: (id) => ({ id, price: 7 }),
  },
  {
    route: 'POST /cart/',
    caller: 'buyer',
    kind: 'product',
    status: 201,
    body: (id) => ({ product_id: id, quantity: 2 }),
  },
  {
    route: 'PATCH /cart/',
    caller: 'buyer',
    kind: 'line',
    status: 200,
    body: (id) => ({ product_id: id, quantity: 3 }),
  },
  {
    route: 'POST /place-order/',
    caller: 'buyer',
    kind: 'product',
    status: 201,
    body: (id) => ({ products: [{ product_id: id, quantity: 2 }] }),
  },
  {
    route: 'PATCH /update-order-status/',
    caller: 'seller',
    kind: 'order',
    status: 200,
    body: (id) => ({ order_id: id, status: 'shipped' }),
  },
];
