/** One call of the classic API. */
export interface Endpoint {
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  path: string;
  caller: 'anyone' | 'user' | 'buyer' | 'seller';
}

/** What the shop answers to a call without any fields. */
export interface ShopEndpoint extends Endpoint {
  empty: [status: number, body: object];
}

const required = ['This field is required.'];
const emptyCart = { items: [], total_items: 0, total_price: 0 };
const emptyPage = { total_pages: 1, current_page: 1, total_products: 0, results: [] };
const noOrders = { count: 0, next: null, previous: null, results: [] };

/** These stand at the root only. */
export const accountEndpoints: Endpoint[] = [
  { method: 'POST', path: '/auth/register-user/', caller: 'anyone' },
  { method: 'POST', path: '/auth/login/', caller: 'anyone' },
  { method: 'POST', path: '/auth/get-access-token/', caller: 'anyone' },
  { method: 'POST', path: '/auth/logout/', caller: 'user' },
  { method: 'POST', path: '/auth/change-password/', caller: 'user' },
  { method: 'POST', path: '/auth/ws-ticket/', caller: 'user' },
];

/** These answer at the root and under /app. */
export const shopEndpoints: ShopEndpoint[] = [
  {
    method: 'POST',
    path: '/category/',
    caller: 'seller',
    empty: [400, { name: required, description: required }],
  },
  {
    method: 'PATCH',
    path: '/category/',
    caller: 'seller',
    empty: [404, { detail: 'Category not found.' }],
  },
  { method: 'GET', path: '/list-category/', caller: 'user', empty: [200, []] },
  {
    method: 'DELETE',
    path: '/delete-category/',
    caller: 'seller',
    empty: [400, { error: 'Category ID is required.' }],
  },
  {
    method: 'POST',
    path: '/product/',
    caller: 'seller',
    empty: [
      400,
      {
        name: required,
        description: required,
        price: required,
        stock: required,
        category_id: required,
      },
    ],
  },
  {
    method: 'PATCH',
    path: '/product/',
    caller: 'seller',
    empty: [404, { error: 'Product not found or unauthorized' }],
  },
  { method: 'GET', path: '/list-product/', caller: 'user', empty: [200, emptyPage] },
  {
    method: 'DELETE',
    path: '/delete-product/',
    caller: 'seller',
    empty: [400, { error: 'Product ID is required.' }],
  },
  { method: 'GET', path: '/cart/', caller: 'buyer', empty: [200, emptyCart] },
  {
    method: 'POST',
    path: '/cart/',
    caller: 'buyer',
    empty: [400, { error: 'product_id is required' }],
  },
  {
    method: 'PATCH',
    path: '/cart/',
    caller: 'buyer',
    empty: [400, { error: 'product_id is required' }],
  },
  { method: 'DELETE', path: '/cart/', caller: 'buyer', empty: [200, emptyCart] },
  {
    method: 'POST',
    path: '/place-order/',
    caller: 'buyer',
    empty: [400, { error: 'No products provided' }],
  },
  {
    method: 'PATCH',
    path: '/update-order-status/',
    caller: 'seller',
    empty: [400, { error: 'Invalid status' }],
  },
  { method: 'GET', path: '/list-user-order/', caller: 'buyer', empty: [200, noOrders] },
];

export const allEndpoints: Endpoint[] = [...accountEndpoints, ...shopEndpoints];

export const protectedEndpoints = allEndpoints.filter(({ caller }) => caller !== 'anyone');

export const takesBody = ({ method }: Endpoint): boolean => method === 'POST' || method === 'PATCH';

/** The methods that a path answers to, by path. */
export function methodsByPath(): Map<string, { methods: string[]; caller: Endpoint['caller'] }> {
  const found = new Map<string, { methods: string[]; caller: Endpoint['caller'] }>();
  for (const { method, path, caller } of allEndpoints) {
    const methods = found.get(path)?.methods ?? [];
    methods.push(method);
    if (method === 'GET') methods.push('HEAD');
    found.set(path, { methods, caller });
  }
  return found;
}
