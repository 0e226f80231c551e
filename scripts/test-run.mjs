// Runs built test files with node:test and counts what happened.
import { finished } from 'node:stream/promises';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { relative } from 'node:path';
import { root } from './install.mjs';

const CONCURRENCY = 2; // files at once; the machine this is measured on has two cores
// A test may take 120 s. Node 20 can only limit a whole file, which is two such tests at most.
const FILE_LIMIT_MS = 180_000;

process.execArgv.push('--enable-source-maps'); // handed on: stack traces point into the sources

/**
 * Runs the files in processes of their own, with a report on standard output.
 * @returns how many tests passed, failed and were skipped; a file that crashes or holds no test
 * counts as failed
 */
export async function runTests(files, { signal }) {
  const totals = { passed: 0, failed: 0, skipped: 0 };
  const running = new Map();
  const stream = run({ files, concurrency: CONCURRENCY, timeout: FILE_LIMIT_MS, signal });
  stream.on('test:dequeue', ({ file, name }) => running.set(`${file}\n${name}`, name));
  const count = (outcome) => (event) => {
    running.delete(`${event.file}\n${event.name}`);
    if (event.details.type === 'suite') return;
    if (event.skip !== undefined || event.todo !== undefined) totals.skipped += 1;
    else if (files.includes(event.name)) countFile(event, outcome);
    else totals[outcome] += 1;
  };
  const countFile = (event, outcome) => {
    totals.failed += 1;
    const name = relative(root, event.name);
    if (outcome === 'passed') process.stdout.write(`✖ ${name} holds no test\n`);
    const timedOut = event.details.error?.failureType === 'testTimeoutFailure';
    if (timedOut) process.stdout.write(`✖ ${name} took over ${FILE_LIMIT_MS / 1000} s\n`);
  };
  stream.on('test:pass', count('passed'));
  stream.on('test:fail', count('failed'));
  const report = stream.compose(new spec());
  report.pipe(process.stdout, { end: false });
  await finished(report);
  return totals;
}
