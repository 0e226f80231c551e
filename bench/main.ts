import type { Workload } from './bench.ts';
import { runGrowth } from './growth.ts';
import { type Host, runWorkloads } from './run.ts';
import { listCategory, listProduct } from './workloads/cached-lists.ts';
import { cart } from './workloads/cart.ts';
import { fanOut } from './workloads/fan-out.ts';
import { idleSockets } from './workloads/idle-sockets.ts';
import { idle } from './workloads/idle.ts';
import { listProductChanging } from './workloads/list-product-changing.ts';
import { listProductMiss } from './workloads/list-product-miss.ts';
import { listUserOrder } from './workloads/list-user-order.ts';
import { login } from './workloads/login.ts';
import { memory } from './workloads/memory.ts';
import { orderToSocket } from './workloads/order-to-socket.ts';
import { overload } from './workloads/overload.ts';
import { distinctProducts, hotProduct, manyLines } from './workloads/place-order.ts';
import { settings } from './workloads/settings.ts';
import { start } from './workloads/start.ts';
import { updateOrderStatus } from './workloads/update-order-status.ts';
import { workers } from './workloads/workers.ts';

/** In the order in which they are measured. */
const workloads: Workload[] = [
  listProduct,
  listProductMiss,
  listProductChanging,
  listCategory,
  listUserOrder,
  distinctProducts,
  hotProduct,
  manyLines,
  updateOrderStatus,
  cart,
  orderToSocket,
  fanOut,
  login,
  overload,
  workers,
  idleSockets,
  start,
  idle,
  memory,
  ...settings,
];

/** What scripts/bench.mjs calls. @returns whether all that ran reached their bar */
export const runBench = (host: Host): Promise<boolean> =>
  host.args[0] === 'growth'
    ? runGrowth({ ...host, args: host.args.slice(1) })
    : runWorkloads(host, workloads);
