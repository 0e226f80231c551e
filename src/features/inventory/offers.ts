import type { Bus } from '../../kernel/bus.ts';
import type { Db } from '../../kernel/db.ts';
import { notFound } from '../../kernel/errors.ts';
import {
  announceCatalogChange,
  type CountChange,
  raiseVersions,
} from '../catalog/catalog-state.ts';
import type { Actor } from '../catalog/categories.ts';
import {
  archiveProduct,
  changeProduct,
  insertProduct,
  type Listing,
  loadProducts,
  type Product,
  type ProductFields,
} from '../catalog/products.ts';
import { setInitialStock, setStock } from './stock.ts';

interface Outside {
  db: Db;
  bus: Bus;
}

/**
 * Puts a product on offer with its first stock.
 * @throws UnknownCategory
 */
export async function offerProduct(
  { db, bus }: Outside,
  sellerId: number,
  offer: ProductFields & { stock: number },
): Promise<Product> {
  const { product, versions } = await db.transaction(async (tx) => {
    const id = await insertProduct(tx, sellerId, offer);
    setInitialStock(tx, id, offer.stock);
    const [made] = await loadProducts(tx, [id]);
    if (made === undefined) throw new Error('The product just made is not there');
    const counts = [joining(listingOf(made))];
    return { product: made, versions: await raiseVersions(tx, ['lists'], counts) };
  });
  announceCatalogChange(bus, { versions });
  return product;
}

/**
 * Changes the given fields, the stock among them, of a product of the actor.
 * @throws Refusal not_found unless the actor has such a product · UnknownCategory
 */
export async function changeOffer(
  { db, bus }: Outside,
  actor: Actor,
  change: Partial<ProductFields> & { id: string; stock?: number | undefined },
): Promise<Product> {
  const { id, stock, ...fields } = change;
  const editsList = Object.values(fields).some((value) => value !== undefined);
  const { product, versions } = await db.transaction(async (tx) => {
    const before = await changeProduct(tx, actor, { id, ...fields });
    if (before === undefined) throw notFound('Product not found or unauthorized');
    if (stock !== undefined) await setStock(tx, id, stock);
    const [changed] = await loadProducts(tx, [id]);
    if (changed === undefined) throw new Error('The product just changed is not there');
    const after = listingOf(changed);
    const crossedZero = before.inStock !== after.inStock;
    const isCounted = crossedZero || before.categoryId !== after.categoryId;
    const counts = isCounted ? [leaving(before), joining(after)] : [];
    const raised = editsList
      ? await raiseVersions(tx, ['lists'], counts)
      : crossedZero
        ? await raiseVersions(tx, ['availability'], counts)
        : undefined;
    return { product: changed, versions: raised };
  });
  announceCatalogChange(bus, { productIds: [id], versions });
  return product;
}

/** @throws Refusal not_found unless the actor has such a product */
export async function withdrawProduct(
  { db, bus }: Outside,
  actor: Actor,
  id: string,
): Promise<void> {
  const versions = await db.transaction(async (tx) => {
    // A checkout that holds the row finishes first, one that waits finds it gone.
    const before = await archiveProduct(tx, actor, id);
    if (before === undefined) throw notFound('Product not found or access denied.');
    return raiseVersions(tx, ['lists'], [leaving(before)]);
  });
  announceCatalogChange(bus, { productIds: [id], versions });
}

const listingOf = ({ category, stock }: Product): Listing => ({
  categoryId: category.id,
  inStock: stock > 0,
});

const joining = ({ categoryId, inStock }: Listing): CountChange => ({
  categoryId,
  listed: 1,
  inStock: Number(inStock),
});

const leaving = ({ categoryId, inStock }: Listing): CountChange => ({
  categoryId,
  listed: -1,
  inStock: -Number(inStock),
});
