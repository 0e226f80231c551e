import type { Context } from '../../context.ts';
import { type Currency, toMajor } from '../../kernel/money.ts';
import type { RateLimiter } from '../../kernel/rate-limits.ts';
import type { Principal, Sessions } from '../accounts/sessions.ts';
import type { Tokens } from '../accounts/tokens.ts';
import type { Cart } from '../cart/cart.ts';
import type { Carts } from '../cart/carts.ts';
import type { Actor, Category } from '../catalog/categories.ts';
import type { ListCache } from '../catalog/list-cache.ts';
import type { Product } from '../catalog/products.ts';
import type { CheckoutQueue } from '../orders/checkout-queue.ts';
import type { Order } from '../orders/order-page.ts';
import type { PageQueue } from '../orders/page-queue.ts';
import type { StatusQueue } from '../orders/status-queue.ts';
import type { ReadyAnswers } from './ready-answers.ts';

/** What the classic routes call. */
export interface Shop {
  context: Context;
  tokens: Tokens;
  sessions: Sessions;
  rateLimiter: RateLimiter;
  lists: ListCache;
  ready: ReadyAnswers;
  carts: Carts;
  checkouts: CheckoutQueue;
  pages: PageQueue;
  statuses: StatusQueue;
}

export const actorOf = ({ userId, role }: Principal): Actor => ({
  userId,
  isOperator: role === 'operator',
});

export const categoryShape = ({ id, name, description, sellerId }: Category) => ({
  id,
  name,
  description,
  created_by: sellerId,
});

export const productShape = (product: Omit<Product, 'revision'>, currency: Currency) => ({
  id: product.id,
  name: product.name,
  description: product.description,
  price: toMajor(product.priceMinor, currency),
  stock: product.stock,
  category: categoryShape(product.category),
});

export const cartShape = (cart: Cart, currency: Currency) => ({
  items: cart.lines.map(({ product, quantity, subtotalMinor }) => ({
    product: productShape(product, currency),
    quantity,
    subtotal: toMajor(subtotalMinor, currency),
  })),
  total_items: cart.totalItems,
  total_price: toMajor(cart.totalMinor, currency),
});

export const orderShape = (order: Order, currency: Currency) => ({
  id: order.id,
  status: order.status,
  total_price: toMajor(order.totalMinor, currency),
  created_at: order.createdAt.toISOString(),
  items: order.lines.map(({ product, quantity, unitPriceMinor }) => ({
    product: productShape(product, currency),
    quantity,
    price: toMajor(unitPriceMinor, currency),
  })),
});
