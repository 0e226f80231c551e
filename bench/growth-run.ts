import type pg from 'pg';
import { type Cast, openCast, type World } from './growth-cast.ts';
import { fill, fillExtra } from './growth-fill.ts';
import { measure, type Operation } from './growth-measure.ts';
import { operationsOf } from './growth-operations.ts';
import { cartOperations, LINES, openPairs, type Pair, pairOperations } from './growth-own.ts';
import { type GrowthTable, note } from './growth-report.ts';
import { type RunningShop, type Stage, withShop } from './growth-shop.ts';
import { nameOf, type Size } from './growth-sizes.ts';

export interface Plan {
  sizes: Size[];
  requests: number;
  /** a part of the names of the operations to measure */
  only: string;
  /** filled as we go */
  tables: GrowthTable[];
}

/** Those who ask in one shop, and how large it is by now. */
interface People {
  cast: Cast;
  pairs: Pair[];
  size: Size;
}

/** Grows a shop through all sizes and measures at each, in turns with one that stays small. */
export async function grow(stage: Stage, plan: Plan): Promise<void> {
  const titles = ['as the shop grows', "as somebody's orders grow", 'as a cart grows'];
  plan.tables.push(...titles.map((title) => ({ title, rows: [] })));
  const [smallest] = plan.sizes;
  if (smallest === undefined) return;
  stage.say('— a small shop, to compare with');
  const small = await withShop(stage, 'small', (shop) => growTo(stage, shop, { to: smallest }));
  let large: People | undefined;
  for (const to of plan.sizes) {
    stage.say(`— ${nameOf(to)}`);
    const isLast = to === plan.sizes.at(-1);
    const grown = await withShop(stage, 'large', (shop) =>
      growTo(stage, shop, { to, people: large, isLast }),
    );
    // As after any restart: the connections have planned nothing yet.
    await withShop(stage, 'small', (smallShop) =>
      withShop(stage, 'large', (largeShop) =>
        measureAt(stage, plan, {
          small: { ...small.cast, ...smallShop, size: small.size },
          large: { ...grown.cast, ...largeShop, size: to },
          pairs: isLast ? grown.pairs : [],
        }),
      ),
    );
    large = grown;
  }
}

async function growTo(
  stage: Stage,
  { client, db }: RunningShop,
  { to, people, isLast }: { to: Size; people?: People | undefined; isLast?: boolean },
): Promise<People> {
  const began = Date.now();
  const { cast, pairs } = people ?? {
    cast: await openCast(client),
    pairs: await openPairs(client),
  };
  await fill(db, { from: people?.size ?? { products: 0, orders: 0 }, to }, stage);
  const [productId = ''] = cast.productIds;
  if (!people) await fillExtra(db, [{ buyerId: cast.regular.id, productId, count: 10 }]);
  if (isLast)
    await fillExtra(
      db,
      pairs.map(({ extra }) => extra),
    );
  stage.say(`  filled in ${((Date.now() - began) / 1000).toFixed(0)} s`);
  return { cast, pairs, size: to };
}

interface Stand {
  small: World & RunningShop;
  large: World & RunningShop;
  /** people with few and with many orders, once the shop is as large as it gets */
  pairs: Pair[];
}

async function measureAt(stage: Stage, plan: Plan, { small, large, pairs }: Stand): Promise<void> {
  const [shop, own, carts] = plan.tables as [GrowthTable, GrowthTable, GrowthTable];
  const size = nameOf(large.size);
  const once = (name: string, ms: number, besideMs: number): void => {
    const figures = [{ size, figure: { ms, rows: 0, touched: {} } }];
    note(shop, { name, mayGrow: 'no bar' }, { figures, ratio: ms / besideMs });
  };
  once('start', large.readyMs, small.readyMs);
  const column = (world: World, name?: string): Column => ({
    size: name,
    db: world.db,
    operations: operationsOf(world),
  });
  await measureTable(stage, plan, { table: shop, columns: [column(small), column(large, size)] });
  const proof = 'souk verify';
  if (proof.includes(plan.only)) once(proof, await large.verify(), await small.verify());
  if (pairs.length === 0) return;
  const { db, client } = large;
  const pairColumns = pairs.map((pair) => ({
    size: `${pair.orders} orders`,
    db,
    operations: pairOperations(client, pair),
  }));
  await measureTable(stage, plan, { table: own, columns: pairColumns });
  const cartColumns = LINES.map((lines) => ({
    size: `${lines} lines`,
    db,
    operations: cartOperations(large, lines),
  }));
  await measureTable(stage, plan, { table: carts, columns: cartColumns });
}

interface Column {
  /** undefined: only to compare with */
  size: string | undefined;
  db: pg.Client;
  operations: Operation[];
}

/** Each operation in turns on all columns that have it. */
async function measureTable(
  { say, signal }: Stage,
  { requests, only }: Plan,
  { table, columns }: { table: GrowthTable; columns: Column[] },
): Promise<void> {
  const names = new Set(columns.flatMap(({ operations }) => operations.map(({ name }) => name)));
  for (const name of [...names].filter((one) => one.includes(only))) {
    const compared = columns.flatMap(({ size, db, operations }) => {
      const operation = operations.find((one) => one.name === name);
      return operation ? [{ size, db, operation }] : [];
    });
    const measured = await measure(compared, { requests, signal });
    const times = measured.map(({ ms }) => ms);
    const ratio = (times.at(-1) ?? 0) / (times[0] ?? 1);
    const figures = measured.flatMap((figure, index) => {
      const size = compared[index]?.size;
      return size === undefined ? [] : [{ size, figure }];
    });
    note(table, compared[0]?.operation ?? { name }, { figures, ratio });
    const texts = measured.map(({ ms, rows }) => `${ms.toFixed(2)} ms (${rows.toFixed(0)} rows)`);
    say(`  ${name}: ${texts.join(', ')}`);
  }
}
