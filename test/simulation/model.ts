// A shop on one page: the verbs of checkout, stock, cart, status and streams over plain data, with
// no thought of locks, batches or retries. What the real shop does must be what this one does.

export interface Product {
  seller: string;
  name: string;
  price: number;
  stock: number;
  archived: boolean;
}

export interface Line {
  product: string;
  quantity: number;
}

export interface Event {
  offset: number;
  type: string;
  order: string;
  status: string;
  message: string;
}

interface Order {
  buyer: string;
  seller: string;
  status: Status;
  total: number;
  lines: (Line & { name: string; price: number })[];
}

const statuses = ['pending', 'shipped', 'delivered'] as const;
export type Status = (typeof statuses)[number];

/** Everybody and everything goes by a short name: `b1`, `p3`. */
export interface Shop {
  products: Record<string, Product>;
  carts: Record<string, Line[]>; // of each buyer, the oldest line first
  orders: Record<string, Order>;
  outcomes: Record<string, { asked: string; outcome: Result }>; // of each idempotency key
  streams: Record<string, Event[]>;
}

/** `name`: what the product or the orders that it makes are called. */
export type Operation =
  | { verb: 'order'; name: string; buyer: string; lines: Line[] | 'cart'; key?: string }
  | { verb: 'add to cart'; buyer: string; line: Line }
  | { verb: 'set cart line'; buyer: string; line: Line }
  | { verb: 'empty cart'; buyer: string }
  | { verb: 'offer'; name: string; seller: string; fields: Fields }
  | { verb: 'change'; actor: string; product: string; fields: Partial<Fields> }
  | { verb: 'withdraw'; actor: string; product: string }
  | { verb: 'move'; actor: string; order: string; status: Status }
  | { verb: 'read stream'; user: string; after: number };

export type Fields = Pick<Product, 'name' | 'price' | 'stock'>;
type Of<Verb> = Extract<Operation, { verb: Verb }>;

/** What the caller hears. */
export type Result =
  | 'done'
  | { orders: string[] }
  | { offered: Fields & { id: string } }
  | { events: Event[] }
  | { refused: { kind: string; message: string } };

const refused = (kind: string, message: string): Result => ({ refused: { kind, message } });

export function emptyShop(buyers: string[], others: string[]): Shop {
  const empty = <T>(users: string[]) => Object.fromEntries(users.map((user) => [user, [] as T[]]));
  const streams = empty<Event>([...buyers, ...others]);
  return { products: {}, carts: empty<Line>(buyers), orders: {}, outcomes: {}, streams };
}

/** Does it to the shop. @param offers what a cart's check of stock sees: see `serial-order.ts` */
export function perform(shop: Shop, operation: Operation, offers = shop.products): Result {
  switch (operation.verb) {
    case 'order':
      return orderOnce(shop, operation);
    case 'add to cart':
    case 'set cart line':
      return putIntoCart(shop, operation, offers);
    case 'empty cart':
      shop.carts[operation.buyer] = [];
      return 'done';
    case 'offer': {
      const { name, seller, fields } = operation;
      shop.products[name] = { ...fields, seller, archived: false };
      return { offered: { id: name, ...fields } };
    }
    case 'change':
      return changeOffer(shop, operation);
    case 'withdraw': {
      const product = ownProduct(shop, operation);
      if (!product) return refused('not_found', 'Product not found or access denied.');
      product.archived = true;
      return 'done';
    }
    case 'move':
      return moveOrder(shop, operation);
    case 'read stream':
    default:
      return { events: (shop.streams[operation.user] ?? []).slice(operation.after) };
  }
}

function orderOnce(shop: Shop, operation: Of<'order'>): Result {
  const { buyer, key } = operation;
  if (key === undefined) return order(shop, operation);
  const asked = JSON.stringify(operation.lines);
  const earlier = shop.outcomes[`${buyer} ${key}`];
  if (earlier?.asked === asked) return earlier.outcome;
  if (earlier) {
    const advice = 'Use a new key for a new order.';
    return refused('mismatch', `This Idempotency-Key was used for another request. ${advice}`);
  }
  const outcome = order(shop, operation);
  shop.outcomes[`${buyer} ${key}`] = { asked, outcome };
  return outcome;
}

function order(shop: Shop, { name, buyer, lines }: Of<'order'>): Result {
  const wanted = new Map<string, number>();
  for (const { product, quantity } of lines === 'cart' ? cartOf(shop, buyer) : lines) {
    wanted.set(product, (wanted.get(product) ?? 0) + quantity);
  }
  if (wanted.size === 0) return refused('invalid', 'No products provided');
  const bySeller = new Map<string, Order['lines']>();
  for (const [id, quantity] of wanted) {
    const product = onOffer(shop, id);
    if (!product) return refused('not_found', `Product ${id} not found`);
    if (quantity > product.stock) return tooFew(product);
    const line = { product: id, quantity, name: product.name, price: product.price };
    bySeller.set(product.seller, [...(bySeller.get(product.seller) ?? []), line]);
  }
  for (const [id, quantity] of wanted) (shop.products[id] as Product).stock -= quantity;
  const cart = shop.carts[buyer] ?? [];
  if (lines === 'cart') shop.carts[buyer] = cart.filter(({ product }) => !wanted.has(product));
  const orders = [...bySeller].map(([seller, ofSeller], index) => {
    const id = `${name}.${index + 1}`;
    const total = ofSeller.reduce((sum, line) => sum + line.price * line.quantity, 0);
    shop.orders[id] = { buyer, seller, status: 'pending', total, lines: ofSeller };
    tell(shop, buyer, { order: id, message: `Your order ${id} has been placed` });
    tell(shop, seller, { order: id, message: `You have a new order ${id}` });
    return id;
  });
  return { orders };
}

function putIntoCart(
  shop: Shop,
  operation: Of<'add to cart' | 'set cart line'>,
  offers: Shop['products'],
): Result {
  const { verb, buyer } = operation;
  const { product: id, quantity } = operation.line;
  const cart = shop.carts[buyer] ?? [];
  const line = cart.find(({ product }) => product === id);
  if (verb === 'set cart line' && quantity === 0) {
    shop.carts[buyer] = cart.filter((one) => one !== line);
    return 'done';
  }
  const product = onOffer({ products: offers }, id);
  if (!product) return refused('not_found', `Product ${id} not found`);
  const wanted = verb === 'add to cart' ? (line?.quantity ?? 0) + quantity : quantity;
  if (wanted > product.stock) return tooFew(product);
  if (line) line.quantity = wanted;
  else cart.push({ product: id, quantity: wanted });
  return 'done';
}

function changeOffer(shop: Shop, operation: Of<'change'>): Result {
  const product = ownProduct(shop, operation);
  if (!product) return refused('not_found', 'Product not found or unauthorized');
  Object.assign(product, operation.fields);
  const { name, price, stock } = product;
  return { offered: { id: operation.product, name, price, stock } };
}

function moveOrder(shop: Shop, { actor, order: id, status }: Of<'move'>): Result {
  const found = shop.orders[id];
  if (!found || !(actor === found.seller || actor === 'operator')) {
    return refused('not_found', 'Order not found');
  }
  if (found.status === status) return refused('invalid', 'Order already in this status');
  if (statuses.indexOf(status) !== statuses.indexOf(found.status) + 1) {
    return refused('invalid', `Cannot change status from ${found.status} to ${status}`);
  }
  found.status = status;
  const message = `Your order ${id} is now ${status}`;
  tell(shop, found.buyer, { order: id, message, status });
  return 'done';
}

function tell(
  shop: Shop,
  user: string,
  { order, message, status }: { order: string; message: string; status?: Status },
): void {
  const stream = shop.streams[user] ?? [];
  const type = status ? 'order.status_updated' : 'order.placed';
  stream.push({ offset: stream.length + 1, type, order, status: status ?? 'pending', message });
}

const tooFew = ({ name }: Product): Result =>
  refused('invalid', `Insufficient stock for product ${name}`);

function onOffer(shop: Pick<Shop, 'products'>, id: string): Product | undefined {
  const product = shop.products[id];
  return product?.archived ? undefined : product;
}

function ownProduct(
  shop: Shop,
  { actor, product: id }: { actor: string; product: string },
): Product | undefined {
  const product = onOffer(shop, id);
  return actor === 'operator' || product?.seller === actor ? product : undefined;
}

/** The lines of a cart that can be seen and ordered. */
function cartOf(shop: Shop, buyer: string): Line[] {
  return (shop.carts[buyer] ?? []).filter(({ product }) => onOffer(shop, product));
}

/** All that readers of the shop can see, in the form in which `RealShop.look` gives it. */
export function look(shop: Shop) {
  const buyers = Object.keys(shop.carts);
  const orders = Object.entries(shop.orders).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return {
    products: shop.products,
    carts: buyers.map((buyer) => {
      const lines = cartOf(shop, buyer).map(({ product, quantity }) => {
        const subtotal = (shop.products[product]?.price ?? 0) * quantity;
        return { product, quantity, subtotal };
      });
      const items = lines.reduce((sum, line) => sum + line.quantity, 0);
      return { lines, items, total: lines.reduce((sum, line) => sum + line.subtotal, 0) };
    }),
    orders: buyers.map((buyer) =>
      orders.flatMap(([id, { status, total, lines, ...order }]) =>
        order.buyer === buyer ? [{ id, status, total, lines }] : [],
      ),
    ),
    streams: shop.streams,
  };
}

export type Sight = ReturnType<typeof look>;
