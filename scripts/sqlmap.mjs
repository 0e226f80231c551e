// npm run sqlmap: tries SQL injection into every field of every route of a shop of its own, with
// sqlmap (https://sqlmap.org). `npm run sqlmap -- list-product` tries only the routes of that name.
// Exits with 1 when anything is found, left out, or when sqlmap misses a hole that is there.
import { spawnSync } from 'node:child_process';
import { pathToFileURL } from 'node:url';
import { build, buildTests, builtPath } from './build.mjs';
import { ensureInstalled } from './install.mjs';

const MODULE = 'test/security/sqlmap.ts';

if (spawnSync('sqlmap', ['--version', '--batch'], { stdio: 'ignore' }).error) {
  process.stdout.write(
    '✖ sqlmap is missing. On Debian and Ubuntu: apt-get install sqlmap. Elsewhere: ' +
      'https://sqlmap.org\n',
  );
  process.exit(1);
}
ensureInstalled();
await build();
await buildTests([MODULE]);
const { scan } = await import(pathToFileURL(builtPath(MODULE)).href);
process.exitCode = (await scan(process.argv.slice(2))) ? 0 : 1;
