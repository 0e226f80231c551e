import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { test } from 'node:test';
import { projectRoot } from '../src/kernel/root.ts';

// The rules of the house, as a test: a rule that nothing checks decays.

const root = projectRoot();
const limitsOfStyle = { fileLines: 250, functionLines: 60, columns: 100, parameters: 3 };
const medianLines = 90; // the aim is 60: to be lowered as files are split

/** Features from left to right: each imports the kernel and what stands to its left. */
const line = [
  'accounts',
  'catalog',
  'inventory',
  'cart',
  'notifications',
  'orders',
  'classic',
] as const;

/** Tables and the features that may write them. */
const owners: Record<string, readonly string[]> = {
  users: ['accounts'],
  sessions: ['accounts'],
  account_changes: ['accounts'],
  socket_tickets: ['accounts'],
  streams: ['accounts', 'notifications'], // accounts makes the empty one with the user
  categories: ['catalog'],
  category_counts: ['catalog'],
  products: ['catalog', 'inventory'], // inventory writes the stock alone
  catalog_state: ['catalog'],
  stock_movements: ['inventory'],
  cart_lines: ['cart'],
  notifications: ['notifications'],
  orders: ['orders'],
  order_lines: ['orders'],
  idempotency_keys: [],
};

interface Source {
  path: string;
  text: string;
  lines: string[];
  imports: string[];
}

function filesBelow(folder: string, pattern: RegExp): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => pattern.test(name))
    .map((name) => join(folder, name));
}

function read(path: string): Source {
  const text = readFileSync(join(root, path), 'utf8');
  const imports = [...text.matchAll(/(?:from|import) '(\.[^']+)'/g)].map((match) =>
    relative(root, join(root, dirname(path), match[1] ?? '')),
  );
  return { path, text, lines: text.split('\n').slice(0, -1), imports };
}

const product = filesBelow('src', /\.ts$/).map(read);
const code = product.filter(({ path }) => !path.endsWith('.test.ts'));
const here = 'test/tidy.test.ts'; // names what it forbids
const others = ['test', 'bench', 'proofs'].flatMap((folder) => filesBelow(folder, /\.ts$/));
const all = [...product, ...others.map(read)];

/** Fails with every place that breaks the rule, and what to do instead. */
function refuse(places: string[], instead: string): void {
  assert.deepEqual(places, [], instead);
}

const find = (sources: Source[], pattern: RegExp): string[] =>
  sources.flatMap(({ path, lines }) =>
    lines.flatMap((text, index) => (pattern.test(text) ? [`${path}:${index + 1}`] : [])),
  );

const outside = (...paths: string[]): Source[] => code.filter(({ path }) => !paths.includes(path));

test('files are short', () => {
  const long = all.filter(({ lines }) => lines.length > limitsOfStyle.fileLines);
  refuse(
    long.map(({ path, lines }) => `${path}: ${lines.length} lines`),
    'split by what the parts are about',
  );
  const sizes = code.map(({ lines }) => lines.length).toSorted((a, b) => a - b);
  const median = sizes[Math.floor(sizes.length / 2)] ?? 0;
  assert.ok(median <= medianLines, `the median file has ${median} lines`);
});

test('lines fit', () => {
  const wide = new RegExp(`^.{${limitsOfStyle.columns + 1},}$`, 'u');
  refuse(find(all, wide), 'break the line, or name a part of it');
});

test('functions fit on a screen', () => {
  const long = all.flatMap(({ path, lines }) => longFunctions(lines).map((at) => `${path}:${at}`));
  refuse(long, `split the function: ${limitsOfStyle.functionLines} lines at most`);
});

/** Functions are formatted: one begins with `{` at the end of a line and ends at its indent. */
function longFunctions(lines: string[]): string[] {
  const opening =
    /^(\s*)(?:export )?(?:async )?(?:function\b|(?:const|let) \w+ = .*=>|\w+\(.*\).*)\s*.*\{$/;
  const wrapped = /^(\s*)\)(?:: .*)?(?: =>)? \{$/; // parameters on lines of their own
  return lines.flatMap((text, index) => {
    const isBlock = /^\s*(?:describe|test|if|for|while|switch|return|\} else)\b/.test(text);
    const indent = isBlock ? undefined : (opening.exec(text) ?? wrapped.exec(text))?.[1];
    if (indent === undefined) return [];
    const rest = lines.slice(index + 1);
    const length = rest.findIndex((one) => one.startsWith(`${indent}}`)) + 1;
    return length > limitsOfStyle.functionLines ? [`${index + 1} (${length} lines)`] : [];
  });
}

test('functions take few parameters', () => {
  const many = all.flatMap(({ path, text }) =>
    [...text.matchAll(/function \w+(?:<[^(]*>)?\(([^()]*)\)/g)]
      .filter(
        (match) => (match[1] ?? '').split(/,(?![^{<[]*[}>\]])/).filter((p) => p.trim()).length > 3,
      )
      .map((match) => `${path}: ${match[0].slice(0, 60)}`),
  );
  refuse(many, `pass one options object: at most ${limitsOfStyle.parameters} parameters`);
});

test('modules are plain', () => {
  refuse(find(all, /^export \*|^export default/), 'export names, where they are made');
  refuse(
    all.map(({ path }) => path).filter((path) => path.endsWith('/index.ts')),
    'name the file after what it holds',
  );
  refuse(find(all, /^\s*@\w+\(?.*\)?$/), 'no decorators: call a function');
});

test('types are honest', () => {
  const rest = all.filter(({ path }) => path !== here);
  refuse(find(rest, /@ts-(?:ignore|nocheck|expect-error)/), 'mend the type');
});

test('the process is touched in one place each', () => {
  refuse(find(all, /\bconsole\./), 'log with the logger, or say() in a command');
  refuse(find(outside('src/config.ts'), /process\.env/), 'read it in src/config.ts');
  refuse(find(outside('src/main.ts'), /process\.exit/), 'throw, or return an exit code');
});

test('there are no import cycles', () => {
  const byPath = new Map(product.map((source) => [source.path, source]));
  const cycles: string[] = [];
  const done = new Set<string>();
  const visit = (path: string, trail: string[]): void => {
    if (trail.includes(path)) cycles.push([...trail.slice(trail.indexOf(path)), path].join(' → '));
    if (trail.includes(path) || done.has(path)) return;
    for (const next of runtimeImports(byPath.get(path))) visit(next, [...trail, path]);
    done.add(path);
  };
  for (const { path } of product) visit(path, []);
  refuse(cycles, 'move what both need to where both may import it');
});

/** Imports that are there when the program runs: not those of types alone. */
function runtimeImports(source: Source | undefined): string[] {
  if (source === undefined) return [];
  const typeOnly = [...source.text.matchAll(/^import type [^;]*? from '(\.[^']+)'/gms)].map(
    (match) => relative(root, join(root, dirname(source.path), match[1] ?? '')),
  );
  return source.imports.filter((path) => !typeOnly.includes(path));
}

test('features stand in one line', () => {
  const crossings = code.flatMap(({ path, imports }) => {
    const from = featureOf(path);
    if (from === undefined)
      return imports.filter((to) => isKernel(path) && featureOf(to)).map((to) => `${path} → ${to}`);
    return imports
      .filter((to) => (featureOf(to) ?? -1) > from || to.startsWith('src/commands'))
      .map((to) => `${path} → ${to}`);
  });
  refuse(crossings, `import only from the left of ${line.join(' < ')}; write an event row instead`);
});

const isKernel = (path: string): boolean => path.startsWith('src/kernel/');

function featureOf(path: string): number | undefined {
  const name = /^src\/features\/([^/]+)\//.exec(path)?.[1];
  return name === undefined ? undefined : line.findIndex((feature) => feature === name);
}

test('a feature writes only its own tables', () => {
  const writes = /(?:INSERT INTO|UPDATE|DELETE FROM)\s+(\w+)/g;
  const foreign = code.flatMap(({ path, text }) =>
    [...text.matchAll(writes)]
      .map((match) => match[1] ?? '')
      .filter((table) => table in owners && !mayWrite(path, table))
      .map((table) => `${path} writes ${table}`),
  );
  refuse(foreign, "call the owner's verb with your tx");
});

function mayWrite(path: string, table: string): boolean {
  if (path === 'src/kernel/idempotency.ts') return table === 'idempotency_keys';
  return (owners[table] ?? []).some((feature) => path.startsWith(`src/features/${feature}/`));
}

test('every file is used', () => {
  const used = new Set([...all.flatMap(({ imports }) => imports), 'src/main.ts']);
  refuse(
    code.map(({ path }) => path).filter((path) => !used.has(path)),
    'delete it',
  );
});

test('migrations are numbered once, without gaps', () => {
  const numbers = filesBelow('migrations', /\.sql$/)
    .toSorted()
    .map((path) => Number(/(\d{3})_/.exec(path)?.[1]));
  assert.deepEqual(
    numbers,
    numbers.map((_, index) => index + 1),
  );
});
