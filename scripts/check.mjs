// npm run check: types, lint, format, unused code, and the rules of test/tidy.test.ts.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ensureInstalled, root } from './install.mjs';

const steps = [
  ['types', 'tsc', '-p', '.'],
  ['lint', 'oxlint', '--type-aware'],
  ['format', 'biome', 'format', '.'],
  ['unused files, exports and packages', 'knip'],
];

ensureInstalled();
const results = steps.map(([name, tool, ...args]) =>
  runStep(name, join(root, 'node_modules', '.bin', tool), args),
);
if (existsSync(join(root, 'test/tidy.test.ts'))) results.push(await runTidyTest());
const failed = results.filter((passed) => !passed).length;
process.stdout.write(`${results.length - failed} of ${results.length} checks passed\n`);
process.exitCode = failed > 0 ? 1 : 0;

function runStep(name, command, args) {
  process.stdout.write(`— ${name}\n`);
  const started = Date.now();
  const { status, error } = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (error) process.stdout.write(`${error.message}\n`);
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  process.stdout.write(`${status === 0 ? '✔' : '✖'} ${name} (${seconds} s)\n\n`);
  return status === 0;
}

async function runTidyTest() {
  const { buildTests, builtPath } = await import('./build.mjs');
  const file = 'test/tidy.test.ts';
  try {
    await buildTests([file]);
  } catch {
    process.stdout.write(`✖ ${file} does not build\n`);
    return false;
  }
  return runStep('rules (test/tidy.test.ts)', process.execPath, ['--test', builtPath(file)]);
}
