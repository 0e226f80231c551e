import { randomBytes } from 'node:crypto';
import { buyers, open, owners, type Row, sellers, signedIn, triple } from './route-rows.ts';

const changing = (...tables: string[]) => ({ own: tables, foreign: tables, missing: tables });
const unchanged = changing();
const checkout = ['notifications', 'order_lines', 'orders', 'products', 'streams'];

const nothing = { kind: 'nothing', request: () => ({}) } as const;
const reading = { ...nothing, changes: unchanged };

/** Each route of the document, what each caller must be answered, and what may change by it. */
export const table: Record<string, Row[]> = {
  'POST /auth/register-user/': [
    {
      kind: 'nothing',
      request: () => {
        const email = `${randomBytes(8).toString('hex')}@example.com`;
        return { body: { email, password: 'quiet river 9', user_type: 'viewer' } };
      },
      statuses: open(triple(201)),
      changes: changing('sessions', 'streams', 'users'),
      makesUser: true,
    },
    {
      name: 'with an email that is taken',
      kind: 'login',
      request: ({ thing }) => ({
        body: { email: thing.id, password: 'quiet river 9', user_type: 'viewer', name: '' },
      }),
      statuses: open(triple(400, 400, 201)),
      changes: changing('sessions', 'streams', 'users'),
      makesUser: true,
    },
  ],
  'POST /auth/login/': [
    {
      kind: 'login',
      request: ({ thing, of }) => ({
        body: { email: thing.id, password: of === 'own' ? thing.secret : 'a wrong guess' },
      }),
      statuses: open(triple(200, 400, 400)),
      changes: { own: ['sessions'] },
    },
  ],
  'POST /auth/get-access-token/': [
    {
      kind: 'token',
      request: ({ thing }) => ({ body: { refresh: thing.id } }),
      // Whoever holds a refresh token is its owner: there is nothing else to know them by.
      statuses: open(triple(200, 200, 400)),
      changes: unchanged,
    },
  ],
  'POST /auth/logout/': [
    {
      kind: 'token',
      // With a session of its own, or the first logout would end those of all other rows.
      request: ({ thing, of }) => ({
        body: { refresh: thing.id },
        ...(of === 'own' ? { session: thing.secret } : {}),
      }),
      statuses: signedIn(triple(200, 400, 400)),
      changes: { own: ['sessions'] },
    },
  ],
  'POST /auth/change-password/': [
    {
      kind: 'login', // with the password of somebody else it is wrong
      request: ({ thing }) => ({
        body: { current_password: thing.secret, new_password: thing.secret },
      }),
      statuses: signedIn(triple(200, 400, 400)),
      changes: { own: ['sessions', 'users'] },
    },
  ],
  'POST /auth/ws-ticket/': [
    { ...nothing, statuses: signedIn(triple(200)), changes: changing('socket_tickets') },
  ],
  'POST /category/': [
    {
      kind: 'nothing',
      request: () => ({ body: { name: 'Tools', description: 'To mend with' } }),
      statuses: sellers(triple(201)),
      changes: changing('catalog_state', 'categories', 'category_counts'),
    },
  ],
  'PATCH /category/': [
    {
      kind: 'category',
      request: ({ thing }) => ({ body: { category_id: thing.id, name: 'Taken' } }),
      statuses: owners(404),
      changes: changing('catalog_state', 'categories'),
    },
  ],
  'GET /list-category/': [{ ...reading, statuses: signedIn(triple(200)) }],
  'DELETE /delete-category/': [
    {
      kind: 'category',
      request: ({ thing }) => ({ query: `?id=${thing.id}` }),
      statuses: owners(404),
      changes: changing('catalog_state', 'categories'),
    },
  ],
  'POST /product/': [
    {
      kind: 'category', // of anybody: categories are shared
      request: ({ thing }) => ({
        body: { name: 'Saw', description: 'Cuts', price: 5, stock: 3, category_id: thing.id },
      }),
      statuses: sellers(triple(201, 201, 400)),
      changes: changing('catalog_state', 'category_counts', 'products', 'stock_movements'),
    },
  ],
  'PATCH /product/': [
    {
      kind: 'product',
      request: ({ thing }) => ({ body: { id: thing.id, price: 0.01, stock: 1 } }),
      statuses: owners(404),
      changes: changing('catalog_state', 'products', 'stock_movements'),
    },
  ],
  'GET /list-product/': [
    { ...reading, statuses: signedIn(triple(200)) },
    {
      name: 'of one category',
      kind: 'category',
      request: ({ thing }) => ({ query: `?category=${thing.id}` }),
      statuses: signedIn(triple(200)),
      changes: unchanged,
    },
  ],
  'DELETE /delete-product/': [
    {
      kind: 'product',
      request: ({ thing }) => ({ query: `?id=${thing.id}` }),
      statuses: owners(404),
      changes: changing('catalog_state', 'category_counts', 'products'),
    },
  ],
  'GET /cart/': [{ ...reading, statuses: buyers(triple(200)) }],
  'POST /cart/': [
    {
      kind: 'product',
      request: ({ thing }) => ({ body: { product_id: thing.id, quantity: 1 } }),
      statuses: buyers(triple(201, 201, 404)),
      changes: changing('cart_lines'),
    },
  ],
  'PATCH /cart/': [
    {
      kind: 'line', // a foreign one: what lies in another's cart is put into the own
      request: ({ thing }) => ({ body: { product_id: thing.id, quantity: 3 } }),
      statuses: buyers(triple(200, 200, 404)),
      changes: changing('cart_lines'),
    },
  ],
  'DELETE /cart/': [
    {
      kind: 'line',
      request: ({ thing }) => ({ query: `?product_id=${thing.id}` }),
      statuses: buyers(triple(200)),
      changes: { own: ['cart_lines'] },
    },
    {
      name: 'all of it',
      kind: 'line',
      request: () => ({}),
      statuses: buyers(triple(200)),
      changes: { own: ['cart_lines'] },
    },
  ],
  'POST /place-order/': [
    {
      name: 'of a product',
      kind: 'product',
      request: ({ thing }) => ({ body: { products: [{ product_id: thing.id }] } }),
      statuses: buyers(triple(201, 201, 404), 404),
      changes: changing(...checkout),
    },
    {
      name: 'of the cart, which is the own one',
      kind: 'line',
      request: () => ({}),
      statuses: buyers(triple(201, 400, 400), 404),
      changes: changing('cart_lines', ...checkout),
      emptiesCart: true,
    },
    {
      name: 'under a key',
      kind: 'key', // a foreign one is as good as a new one
      request: ({ thing, world }) => ({
        body: { products: [{ product_id: world.staple }] },
        headers: { 'idempotency-key': thing.id },
      }),
      statuses: buyers(triple(201), 404),
      changes: {
        own: [],
        foreign: ['idempotency_keys', ...checkout],
        missing: ['idempotency_keys', ...checkout],
      },
    },
  ],
  'PATCH /update-order-status/': [
    {
      kind: 'order',
      request: ({ thing }) => ({ body: { order_id: thing.id, status: 'shipped' } }),
      statuses: owners(404),
      changes: changing('notifications', 'orders', 'streams'),
    },
  ],
  'GET /list-user-order/': [
    { ...reading, statuses: buyers(triple(200)) },
    {
      name: 'asking for an order by its id',
      kind: 'order',
      request: ({ thing }) => ({ query: `?page_size=100&id=${thing.id}&order_id=${thing.id}` }),
      statuses: buyers(triple(200)),
      changes: unchanged,
    },
  ],
  'GET /healthz': [{ ...reading, statuses: open(triple(200)) }],
  'GET /readyz': [{ ...reading, statuses: open(triple(200)) }],
  'GET /metrics': [{ ...reading, statuses: open(triple(200)) }],
  'GET /openapi.json': [{ ...reading, statuses: open(triple(200)) }],
};
