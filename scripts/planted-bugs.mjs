// npm run planted-bugs: makes one known mistake after the other in a copy of the project and runs
// the tests that must catch it. `npm run planted-bugs -- --only cart` takes those named so.
import { spawn } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureInstalled, root } from './install.mjs';

const LANES = 2; // copies in which tests run at once
const LIMIT_MS = 240_000; // a bug that makes its tests hang is caught, too
const COPIED = [
  'bench',
  'bin',
  'migrations',
  'proofs',
  'package-lock.json',
  'package.json',
  'scripts',
  'src',
  'test',
];

const [option, only] = process.argv.slice(2);
if (option !== undefined && (option !== '--only' || only === undefined)) {
  process.stderr.write('Usage: npm run planted-bugs [-- --only NAME]\n');
  process.exit(2);
}
ensureInstalled();
const list = JSON.parse(readFileSync(join(root, 'scripts/planted-bugs.json'), 'utf8'));
const bugs = list.filter(({ name }) => only === undefined || name.includes(only));
const folder = mkdtempSync(join(tmpdir(), 'souk-planted-'));
chmodSync(folder, 0o755); // run as root, the tests' database runs as another user
const running = new Set();
const stopping = new AbortController();
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.once(name, () => {
    stopping.abort();
    for (const child of running) endGroup(child, 'SIGTERM');
  });
}

const started = Date.now();
const survivors = [];
try {
  const copies = Array.from({ length: Math.min(LANES, bugs.length) }, (_, lane) => copy(lane));
  if (bugs.length === 0) throw new Error(`No planted bug is named ${only}`);
  const files = [...new Set(bugs.flatMap(({ caughtBy }) => caughtBy))];
  say(`The tests without any bug: ${files.length} files`);
  const { code, output } = await runTests(copies[0], files, LIMIT_MS * 3);
  if (code !== 0) throw new Error(`The tests fail without any bug:\n${output.slice(-4_000)}`);
  const waiting = [...bugs];
  await Promise.all(copies.map((place) => tryBugs(place, waiting)));
} catch (error) {
  survivors.push('none was tried to the end');
  if (!stopping.signal.aborted) say(error.message);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
const minutes = ((Date.now() - started) / 60_000).toFixed(1);
const caught = bugs.length - survivors.length;
say(
  survivors.length > 0
    ? `✖ not caught: ${survivors.join(', ')} (${minutes} min)`
    : `${caught} of ${bugs.length} planted bugs caught in ${minutes} min`,
);
process.exitCode = survivors.length > 0 ? 1 : 0;

/** The sources, with the installed packages as they are. */
function copy(lane) {
  const place = join(folder, String(lane));
  for (const name of COPIED) cpSync(join(root, name), join(place, name), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(place, 'node_modules'));
  return place;
}

async function tryBugs(place, waiting) {
  for (let bug = waiting.shift(); bug && !stopping.signal.aborted; bug = waiting.shift()) {
    const began = Date.now();
    const problem = await survives(place, bug);
    const seconds = Math.round((Date.now() - began) / 1000);
    if (stopping.signal.aborted) return;
    if (problem.survived) survivors.push(bug.name);
    say(`${problem.survived ? '✖' : '✔'} ${bug.name} (${seconds} s): ${problem.why}`);
  }
}

async function survives(place, { file, from, to, caughtBy }) {
  const path = join(place, file);
  const source = readFileSync(path, 'utf8');
  const [before, after, ...more] = source.split(from);
  if (after === undefined || more.length > 0) {
    return { survived: true, why: `does not fit ${file} at exactly one place` };
  }
  writeFileSync(path, before + to + after);
  try {
    const { code, output } = await runTests(place, caughtBy, LIMIT_MS);
    return judge(code, output);
  } finally {
    writeFileSync(path, source);
  }
}

/** Only a test that fails counts: not one that could not be built or begun. */
function judge(code, output) {
  if (code === 0) return { survived: true, why: 'all tests pass' };
  if (/the test run itself failed/.test(output)) {
    return { survived: true, why: `the tests did not run:\n${output.slice(-1_500)}` };
  }
  if (code === null) return { survived: false, why: `the tests hang for ${LIMIT_MS / 1000} s` };
  const failed = /^✖ (?!failing tests:)(.*?)(?: \([\d.]+ms\))?$/m.exec(output)?.[1];
  return failed === undefined
    ? { survived: true, why: `no test failed, though the run did:\n${output.slice(-1_500)}` }
    : { survived: false, why: failed };
}

async function runTests(place, files, limitMs) {
  const child = spawn(process.execPath, ['scripts/test.mjs', ...files], {
    cwd: place,
    env: { ...process.env, SOUK_TEST_ONCE: 'yes' },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true, // a group of its own, to be ended as a whole
  });
  running.add(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => (output += text));
  }
  const limit = setTimeout(() => endGroup(child, 'SIGKILL'), limitMs);
  const code = await new Promise((resolve) => child.once('close', resolve));
  clearTimeout(limit);
  running.delete(child);
  return { code, output };
}

function endGroup({ pid }, signal) {
  try {
    process.kill(-pid, signal);
  } catch {
    // It has ended by itself.
  }
}

function say(text) {
  process.stdout.write(`${text}\n`);
}
