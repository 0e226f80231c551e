// Runs built test files with node:test and counts what happened.
import { relative } from 'node:path';
import { finished } from 'node:stream/promises';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { root } from './install.mjs';

const CONCURRENCY = 2; // files at once; the machine this is measured on has two cores
// Meant per test, but Node 20 can only limit a whole file: so a file may take no longer either.
// Whoever asks for many runs of the simulation waits for them.
const LIMIT_MS = process.env.SOUK_TEST_RUNS ? 4 * 3_600_000 : 180_000;

process.execArgv.push('--enable-source-maps'); // handed on: stack traces point into the sources

/**
 * Runs the files in processes of their own, with a report on standard output.
 * @returns how many tests passed, failed and were skipped; a file that crashes, hangs or holds no
 * test counts as failed
 */
export async function runTests(files, { signal }) {
  const totals = { passed: 0, failed: 0, skipped: 0 };
  const started = new Map(); // tests that have begun and not ended
  const key = ({ file, line, name }) => `${file}:${line} ${name}`;
  const stream = run({ files, concurrency: CONCURRENCY, timeout: LIMIT_MS, signal });
  stream.on('test:dequeue', (event) => started.set(key(event), event.name));
  stream.on('test:complete', (event) => started.delete(key(event)));
  const count = (outcome) => (event) => {
    if (event.details.type === 'suite') return;
    if (files.includes(event.name)) {
      totals.failed += 1;
      explainFile(event, [...started.keys()]);
    } else if (event.skip !== undefined || event.todo !== undefined) totals.skipped += 1;
    else totals[outcome] += 1;
  };
  stream.on('test:pass', count('passed'));
  stream.on('test:fail', count('failed'));
  const report = stream.compose(new spec());
  report.pipe(process.stdout, { end: false });
  await finished(report);
  return totals;
}

/** A file is only reported as a test of its own when something is wrong with it as a whole. */
function explainFile({ name, details }, started) {
  const built = relative(root, name);
  if (details.error === undefined) {
    process.stdout.write(`✖ ${built} holds no test\n`);
  } else if (details.error.failureType === 'testTimeoutFailure') {
    const source = built.replace(/^build\//, '').replace(/\.js$/, '.ts');
    const hanging = started.filter((test) => test.includes(source)).join(', ') || 'nothing';
    process.stdout.write(`✖ ${source} took over ${LIMIT_MS / 1000} s, running: ${hanging}\n`);
  }
}
