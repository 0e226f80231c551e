// Bundles src/main.ts to dist/main.js, when the sources changed since the last time.
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { ensureInstalled, isRunDirectly, root } from './install.mjs';

const dist = join(root, 'dist');
export const main = join(dist, 'main.js');
const stampFile = join(dist, '.sources'); // the hash of the sources that dist/ was built from

/** What every bundle of this project shares. */
export const bundleOptions = {
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  packages: 'external',
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
  const temporary = join(dist, `.new-${process.pid}`);
  mkdirSync(temporary, { recursive: true });
  try {
    const outfile = join(temporary, 'main.js');
    await esbuild.build({ ...bundleOptions, entryPoints: [join(root, 'src/main.ts')], outfile });
    writeFileSync(join(temporary, '.sources'), hash);
    for (const name of ['main.js.map', 'main.js', '.sources']) {
      renameSync(join(temporary, name), join(dist, name));
    }
  } finally {
    rmSync(temporary, { recursive: true, force: true });
    await esbuild.stop();
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
