// npm run bench: measures the claims of bench/README.md against what this machine can do.
// `npm run bench -- --only place-order --seconds 5 --json result.json`; --help says more.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, buildTests, builtPath } from './build.mjs';
import { ensureInstalled, root } from './install.mjs';

const children = readdirSync(join(root, 'bench/children')).map((name) => `bench/children/${name}`);

const stopping = new AbortController();
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(name, () => {
    if (!stopping.signal.aborted) process.stdout.write(`\nStopped by ${name}: cleaning up …\n`);
    stopping.abort();
  });
}

ensureInstalled();
try {
  await build();
  await buildTests(['bench/main.ts', ...children]);
  const { runBench } = await import(pathToFileURL(builtPath('bench/main.ts')).href);
  const passed = await runBench({
    args: process.argv.slice(2),
    environment: process.env,
    signal: stopping.signal,
    places: {
      root,
      main: join(root, 'dist/main.js'),
      start: join(root, 'scripts/start.mjs'),
      child: (name) => builtPath(`bench/children/${name}.ts`),
    },
  });
  process.exitCode = passed ? 0 : 1;
} catch (error) {
  process.exitCode = stopping.signal.aborted ? 130 : 1;
  const isArgument = String(error.code).startsWith('ERR_PARSE_ARGS');
  const text = isArgument ? error.message : error.stack;
  if (!stopping.signal.aborted) process.stdout.write(`\n✖ the benchmark failed: ${text}\n`);
}
