// Installs the dependencies when they are missing or not those of package-lock.json.
// Only node's own modules: it runs before anything is installed.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));
const modules = join(root, 'node_modules');
const stampFile = join(modules, '.souk-lock');
const lockDir = join(root, 'build', 'install.lock');
const LOCK_STALE_MS = 15 * 60_000; // no installation takes this long; its process id was reused

requireNode(20, 19);

/**
 * Makes sure that node_modules holds what package-lock.json says; exits the process with npm's
 * code when npm fails. With `dev: false` the development tools may be missing.
 */
export function ensureInstalled({ dev = true } = {}) {
  if (isInstalled(dev)) return;
  withInstallLock(() => {
    if (!isInstalled(dev)) install(dev);
  });
}

/** True in the module that node was started with. */
export function isRunDirectly(moduleUrl) {
  return (
    process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(moduleUrl)
  );
}

function requireNode(major, minor) {
  const [haveMajor, haveMinor] = process.versions.node.split('.').map(Number);
  if (haveMajor > major || (haveMajor === major && haveMinor >= minor)) return;
  fail(
    `Souk needs Node.js ${major}.${minor} or later, and this is ${process.versions.node}. ` +
      'Install a newer one from https://nodejs.org and start again.',
  );
}

function isInstalled(dev) {
  let lockText;
  try {
    lockText = readFileSync(join(root, 'package-lock.json'), 'utf8');
  } catch {
    return true; // an image without the lock file brings its own node_modules
  }
  const hash = createHash('sha256').update(lockText).digest('hex');
  const stamps = [`${hash} all`, ...(dev ? [] : [`${hash} production`])];
  if (stamps.includes(readText(stampFile).trim())) return true;
  if (!matchesLock(JSON.parse(lockText), dev)) return false;
  writeStamp(hash, dev); // somebody ran npm by hand: good
  return true;
}

/** Compares with the list that npm keeps of what it installed, written when it is done. */
function matchesLock(lock, dev) {
  const listText = readText(join(modules, '.package-lock.json'));
  if (listText === '') return false;
  const installed = JSON.parse(listText).packages;
  return Object.entries(lock.packages).every(([path, wanted]) => {
    if (path === '' || wanted.optional || wanted.devOptional) return true;
    if (wanted.dev && !dev) return true;
    return installed[path]?.version === wanted.version;
  });
}

function install(dev) {
  const what = dev ? 'dependencies' : 'dependencies (without development tools)';
  process.stderr.write(`Installing ${what} with npm ci, about 15 s …\n`);
  // NODE_ENV=production would make npm leave out the development tools by itself.
  const flags = [
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    dev ? '--include=dev' : '--omit=dev',
  ];
  const npm = spawnSync('npm', ['ci', ...flags], { cwd: root, stdio: ['ignore', 2, 2] });
  if (npm.error) fail(`npm could not be started (${npm.error.message}). It comes with Node.js.`);
  if (npm.status !== 0) {
    fail(
      'npm ci failed: its messages are above. It needs a network that reaches the npm registry.',
      npm.status ?? 1,
    );
  }
  const lockText = readFileSync(join(root, 'package-lock.json'), 'utf8');
  writeStamp(createHash('sha256').update(lockText).digest('hex'), dev);
}

function writeStamp(hash, dev) {
  try {
    writeFileSync(stampFile, `${hash} ${dev ? 'all' : 'production'}\n`);
  } catch {
    // A read-only node_modules: the comparison is made again next time, in a few milliseconds.
  }
}

/** Two at once would delete each other's files: the second waits, and then finds it done. */
function withInstallLock(work) {
  for (;;) {
    try {
      mkdirSync(join(root, 'build'), { recursive: true });
      mkdirSync(lockDir);
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') fail(`Cannot install into ${root}: ${error.message}`);
      if (isLockStale()) rmSync(lockDir, { recursive: true, force: true });
      else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
    }
  }
  const release = () => rmSync(lockDir, { recursive: true, force: true });
  process.once('exit', release);
  writeFileSync(join(lockDir, 'pid'), String(process.pid));
  work();
  release();
  process.off('exit', release);
}

function isLockStale() {
  try {
    const age = Date.now() - statSync(lockDir).mtimeMs;
    const pid = Number(readText(join(lockDir, 'pid')));
    if (pid === 0) return age > 5_000; // killed between making the folder and the file
    return age > LOCK_STALE_MS || !isAlive(pid);
  } catch {
    return false; // released just now
  }
}

function isAlive(pid) {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function readText(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function fail(message, code = 1) {
  process.stderr.write(`${message}\n`);
  process.exit(code);
}

if (isRunDirectly(import.meta.url)) ensureInstalled();
