import { measureAgainstBareHttp } from '../bare-http.ts';
import type { Workload } from '../bench.ts';

/** The first page of the product list, cached, asked for with a token. */
export const listProduct: Workload = {
  name: 'list-product',
  run: (bench) =>
    measureAgainstBareHttp(bench, { workload: 'list-product', path: '/list-product/', bar: 0.8 }),
};

/** All categories at once. */
export const listCategory: Workload = {
  name: 'list-category',
  run: (bench) =>
    measureAgainstBareHttp(bench, { workload: 'list-category', path: '/list-category/', bar: 0.8 }),
};
