// npm test: all tests on the built-in database, then the outer ones on the system's PostgreSQL
// and Redis. `npm test -- checkout` runs only the files with "checkout" in their path.
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, buildTests, builtPath } from './build.mjs';
import { ensureInstalled, root } from './install.mjs';
import { findSystemServers, startSystemServers } from './test-servers.mjs';

const TWICE = [
  'test/contract/',
  'test/journeys/',
  'test/nodes/',
  'test/nodes.test.ts',
  'test/plans/',
];
const DATABASE_MODULE = 'src/kernel/embedded/postgres.ts';

const filters = process.argv.slice(2);
const stopping = new AbortController();
const cleanups = [];
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.once(name, () => {
    process.stdout.write(`\nStopped by ${name}\n`);
    stopping.abort();
  });
}

ensureInstalled();
const { runTests } = await import('./test-run.mjs'); // an older Node gets to its message first
const totals = { passed: 0, failed: 0, skipped: 0 };
try {
  await build();
  const files = findTests();
  await buildTests([DATABASE_MODULE, ...files]);
  if (files.length > 0) await runOnBuiltInDatabase(files);
  const isOnce = Boolean(process.env.SOUK_TEST_ONCE); // on the built-in database is enough
  const outer = files.filter((file) => !isOnce && TWICE.some((place) => file.startsWith(place)));
  if (outer.length > 0) await runOnSystemServers(outer);
} catch (error) {
  if (!stopping.signal.aborted) totals.failed += 1;
  process.stdout.write(`\n✖ the test run itself failed: ${error.stack}\n`);
} finally {
  for (const cleanup of cleanups.toReversed()) await cleanup();
}
const { passed, failed, skipped } = totals;
if (passed + failed === 0) process.stdout.write('✖ no tests ran\n');
process.exitCode = failed > 0 || passed === 0 || stopping.signal.aborted ? 1 : 0;
process.stdout.write(
  `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`,
);

function findTests() {
  const folders = ['src', 'test'].filter((folder) => existsSync(join(root, folder)));
  return folders
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map(
        (name) => `${folder}/${name}`,
      ),
    )
    .filter((file) => file.endsWith('.test.ts'))
    .filter((file) => filters.length === 0 || filters.some((part) => file.includes(part)))
    .toSorted();
}

async function runOnBuiltInDatabase(files) {
  const { openEmbeddedPostgres } = await import(pathToFileURL(builtPath(DATABASE_MODULE)).href);
  const dataDir = join(makeTemporaryFolder(), 'data');
  const log = (message) => process.stdout.write(`${message}\n`);
  const database = await openEmbeddedPostgres({ dataDir, log, durable: false });
  const { user, password, host, database: name } = database.connection;
  const url = `postgres://${user}:${password}@/${name}?host=${encodeURIComponent(host)}`;
  try {
    await runAndCount('the built-in PostgreSQL, no Redis', files, { SOUK_TEST_DATABASE_URL: url });
  } finally {
    await database.stop();
  }
}

async function runOnSystemServers(files) {
  if (stopping.signal.aborted) return;
  const found = findSystemServers();
  if (found.missing.length > 0) {
    process.stdout.write(
      `\nSKIPPED: the second run of ${files.length} files on the system's PostgreSQL and Redis. ` +
        `Missing: ${found.missing.join(', ')}\n`,
    );
    return;
  }
  const servers = await startSystemServers(found, makeTemporaryFolder());
  try {
    await runAndCount(servers.versions, files, {
      SOUK_TEST_DATABASE_URL: servers.databaseUrl,
      SOUK_TEST_REDIS_URL: servers.redisUrl,
    });
  } finally {
    await servers.close();
  }
}

async function runAndCount(servers, files, env) {
  process.stdout.write(`\n— ${files.length} files on ${servers}\n`);
  delete process.env.SOUK_TEST_DATABASE_URL;
  delete process.env.SOUK_TEST_REDIS_URL;
  Object.assign(process.env, env); // the test processes inherit it
  const counts = await runTests(files.map(builtPath), { signal: stopping.signal });
  for (const key of Object.keys(totals)) totals[key] += counts[key];
}

/** Enterable by everybody: run as root, the servers run as another user. */
function makeTemporaryFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'souk-tests-'));
  chmodSync(folder, 0o755);
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
