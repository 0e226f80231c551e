import { sql, type Transactions, type Tx } from '../../kernel/db.ts';
import { invalid, notFound, Refusal } from '../../kernel/errors.ts';
import { limits } from '../../kernel/limits.ts';
import { loadOffered, type Product } from '../catalog/products.ts';
import { type Cart, cartOf, type Line, lockBuyers, lockLines, readCarts } from './cart.ts';

export interface CartChange {
  /** `add`: to what the line holds · `set`: whatever it holds */
  verb: 'add' | 'set';
  buyerId: number;
  productId: string;
  quantity: number;
}

/**
 * Changes a line in each of several carts, in one transaction: what is refused leaves the others
 * alone. Five statements whatever the number of changes. Changes of one cart are decided one after
 * the other, under its buyer's lock: so no two of a batch may be of the same buyer.
 * @returns for each change its refusal, or the cart after it. Refused as not_found for a product
 * that is not on offer; invalid when the stock is too small, the line, the cart or its total too
 * large
 */
export function changeCarts(db: Transactions, changes: CartChange[]): Promise<(Cart | Refusal)[]> {
  return db.transaction(async (tx) => {
    const buyerIds = changes.map(({ buyerId }) => buyerId);
    lockBuyers(tx, buyerIds);
    lockLines(tx, buyerIds);
    // Read after the locks: a checkout that was waited for has taken lines, and of the stock.
    const [carts, offered] = await Promise.all([
      readCarts(tx, buyerIds),
      loadOffered(
        tx,
        changes.map(({ productId }) => productId),
      ),
    ]);
    const outcomes = changes.map((change, index) =>
      decide(change, carts[index] as Cart, offered.get(change.productId)),
    );
    const accepted = changes.flatMap(({ buyerId, productId }, index) => {
      const cart = outcomes[index];
      if (cart === undefined || cart instanceof Refusal) return [];
      return [{ buyerId, productId, quantity: quantityOf(productId, cart) }];
    });
    if (accepted.length > 0) writeLines(tx, accepted);
    return outcomes;
  });
}

function decide(change: CartChange, cart: Cart, product?: Product): Cart | Refusal {
  const { verb, productId } = change;
  if (product === undefined) return notFound(`Product ${productId} not found`);
  const before = verb === 'add' ? quantityOf(productId, cart) : 0;
  const quantity = before + change.quantity;
  if (quantity > limits.lineQuantity) {
    return invalid(`Quantity must be a whole number from 1 to ${limits.lineQuantity}`);
  }
  if (quantity > product.stock) return invalid(`Insufficient stock for product ${product.name}`);
  const changed = withLine(cart, { product, quantity });
  if (changed.lines.length > limits.cartLines) {
    return invalid(`A cart holds at most ${limits.cartLines} products`);
  }
  // Not when it is set: less of what has become dearer must be possible.
  if (verb === 'add' && changed.totalMinor > limits.orderTotalMinor) {
    return invalid('The cart total is too large');
  }
  return changed;
}

const quantityOf = (productId: string, { lines }: Cart): number =>
  lines.find(({ product }) => product.id === productId)?.quantity ?? 0;

/** A new line stands last, as `added_at` will have it. */
function withLine({ lines }: Cart, line: Line): Cart {
  const changed: Line[] = [...lines];
  const place = lines.findIndex(({ product }) => product.id === line.product.id);
  changed[place < 0 ? lines.length : place] = line;
  return cartOf(changed);
}

function writeLines(tx: Tx, lines: Omit<CartChange, 'verb'>[]): void {
  tx.send(sql`
    INSERT INTO cart_lines (buyer_id, product_id, quantity)
    SELECT * FROM unnest(${lines.map((line) => line.buyerId)}::int[],
      ${lines.map((line) => line.productId)}::uuid[], ${lines.map((line) => line.quantity)}::int[])
    ON CONFLICT (buyer_id, product_id) DO UPDATE SET quantity = excluded.quantity`);
}
