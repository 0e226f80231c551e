/** How much a shop holds. */
export interface Size {
  products: number;
  orders: number;
}

/** Ten times more at each step; orders somewhat faster, as in a shop that sells. */
export function sizesUpTo(largest: Size): Size[] {
  const steps: Size[] = [
    { products: 1_000, orders: 1_000 },
    { products: 10_000, orders: 50_000 },
    { products: 100_000, orders: 500_000 },
  ];
  const { products, orders } = largest;
  const smaller = steps.filter((step) => step.products < products && step.orders < orders);
  return [...smaller, largest];
}

export const nameOf = ({ products, orders }: Size): string =>
  `${short(products)} products, ${short(orders)} orders`;

const short = (count: number): string =>
  count >= 1e6 ? `${count / 1e6}M` : count >= 1e3 ? `${count / 1e3}k` : `${count}`;
