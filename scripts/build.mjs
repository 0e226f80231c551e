// Bundles src/main.ts to dist/main.js when the sources changed, and the tests to build/.
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { ensureInstalled, isRunDirectly, root } from './install.mjs';

const dist = join(root, 'dist');
export const main = join(dist, 'main.js');
const outdir = join(root, 'build'); // of the tests
const STALE_MS = 60 * 60_000; // built tests this old belong to no run that is going on
const stampFile = join(dist, '.sources'); // the hash of the sources that dist/ was built from

function productionPackages() {
  const { dependencies, optionalDependencies } = JSON.parse(
    readFileSync(join(root, 'package.json'), 'utf8'),
  );
  return Object.keys({ ...dependencies, ...optionalDependencies });
}

const bundleOptions = {
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  // What is installed for production stays outside; the rest (typebox) is bundled, so that only
  // the part that is used is loaded: it saves 20 MB and 0.1 s at every start.
  external: productionPackages(),
  sourcemap: true,
  logLevel: 'warning',
};

/** True when dist/ is there and made from these sources (or there are no sources at all). */
export function isBuilt() {
  if (!existsSync(main)) return false;
  if (!existsSync(join(root, 'src'))) return true;
  try {
    return readFileSync(stampFile, 'utf8') === hashSources();
  } catch {
    return false;
  }
}

/**
 * Builds dist/main.js unless it is up to date. Needs the development tools to be installed.
 * The files appear by renaming, so a start at the same time never reads half a file.
 */
export async function build() {
  if (isBuilt()) return;
  const hash = hashSources();
  const esbuild = await import('esbuild');
  try {
    const entryPoints = [join(root, 'src/main.ts')];
    const options = { ...bundleOptions, entryPoints, outfile: main, write: false };
    const { outputFiles } = await esbuild.build(options);
    mkdirSync(dist, { recursive: true });
    for (const { path, contents } of outputFiles) replaceFile(path, contents);
    replaceFile(stampFile, hash);
  } finally {
    await esbuild.stop();
  }
}

function replaceFile(file, contents) {
  const temporary = `${file}.new-${process.pid}`;
  writeFileSync(temporary, contents);
  renameSync(temporary, file);
}

/**
 * Bundles modules, named from the project's folder, into the same places below build/, where
 * what they share is shared.
 */
export async function buildTests(files) {
  const esbuild = await import('esbuild');
  try {
    const { metafile } = await esbuild.build({
      ...bundleOptions,
      entryPoints: files.map((file) => join(root, file)),
      absWorkingDir: root,
      outbase: root,
      outdir,
      splitting: true,
      chunkNames: 'chunks/[name]-[hash]',
      metafile: true,
    });
    removeStale(new Set(Object.keys(metafile.outputs).map((file) => join(root, file))));
  } finally {
    await esbuild.stop();
  }
}

/** Where `buildTests` puts a module. */
export function builtPath(file) {
  return join(outdir, file.replace(/\.ts$/, '.js'));
}

function removeStale(fresh) {
  for (const name of readdirSync(outdir, { recursive: true, encoding: 'utf8' })) {
    const file = join(outdir, name);
    if (fresh.has(file) || !/\.js(\.map)?$/.test(file)) continue;
    const info = statSync(file, { throwIfNoEntry: false });
    if (info && Date.now() - info.mtimeMs > STALE_MS) rmSync(file, { force: true });
  }
}

/** Contents, not times: a checkout or a copy changes times, and a deleted file has none. */
function hashSources() {
  const hash = createHash('sha256');
  const names = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(ts|json)$/.test(name) && !name.endsWith('.test.ts'))
    .toSorted((a, b) => (a < b ? -1 : 1));
  for (const name of names) {
    hash.update(`${name}\n`).update(readFileSync(join(root, 'src', name)));
  }
  for (const name of ['package-lock.json', 'scripts/build.mjs']) {
    if (existsSync(join(root, name))) hash.update(readFileSync(join(root, name)));
  }
  return hash.digest('hex');
}

if (isRunDirectly(import.meta.url)) {
  ensureInstalled();
  await build();
}
