// npm run prove -- NAME: proves a promise of the shop on real servers; --help lists them.
// npm run chaos -- --minutes 5 --seed 7 is the longest of them.
import { pathToFileURL } from 'node:url';
import { build, buildTests, builtPath } from './build.mjs';
import { ensureInstalled } from './install.mjs';

const MODULE = 'proofs/main.ts';

const stopping = new AbortController();
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(name, () => {
    if (stopping.signal.aborted) process.exit(130); // asked twice: at once
    process.stdout.write(`\nStopped by ${name}: checking what there is …\n`);
    stopping.abort();
  });
}

ensureInstalled();
await build();
await buildTests([MODULE]);
const { prove } = await import(pathToFileURL(builtPath(MODULE)).href);
process.exit(await prove(process.argv.slice(2), stopping.signal));
