import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { promisify } from 'node:util';
import { USE_ANOTHER_DATABASE } from './binaries.ts';
import { EmbeddedPostgresError } from './error.ts';
import type { Site } from './files.ts';
import { errorCode, ignoreMissing } from './process.ts';

const run = promisify(execFile);

export const DATABASE = 'souk';
export const DATABASE_USER = 'souk';
/** A clean environment: variables such as PGDATA or LC_ALL must not reach the server. */
export const SERVER_ENV = { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C' };

const INITDB_TIMEOUT_MS = 120_000; // 0.8 s on a laptop; a slow network disk takes many times that
const FREE_SPACE_MIN_MB = 200; // an empty cluster takes 40 MB, its first write-ahead logs the rest
const TEMPORARY = 'postgres.new-';

/** `uid` and `gid` for spawning; signed, as `spawn` wants them (macOS: nobody is -2). */
export function spawnIds(site: Site): { uid?: number; gid?: number } {
  return site.runAs ? { uid: site.runAs.uid | 0, gid: site.runAs.gid | 0 } : {};
}

/**
 * Makes the cluster unless it is there. It is made in a folder beside and then renamed, so a kill
 * on the way leaves nothing half-made. Call it while holding the site's lock.
 * @throws EmbeddedPostgresError when the disk is too full, initdb fails, or the
 * password of an existing one is gone
 */
export async function ensureCluster(site: Site, durable: boolean): Promise<void> {
  await removeLeftovers(site.dataDir);
  const owner = await fs.stat(path.join(site.clusterDir, 'PG_VERSION')).catch(ignoreMissing);
  if (owner) {
    await readPassword(site);
    // A backup put back by root: the server runs as another user and must own its files.
    if (site.runAs && owner.uid !== site.runAs.uid) {
      await run('chown', ['-R', `${site.runAs.uid}:${site.runAs.gid}`, site.clusterDir]);
    }
    return;
  }
  await refuseFullDisk(site.dataDir);
  const password = await keepPassword(site);
  const temporary = await fs.mkdtemp(path.join(site.dataDir, TEMPORARY));
  try {
    const made = path.join(temporary, 'cluster');
    const passwordFile = path.join(temporary, 'password');
    await fs.writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
    if (site.runAs) {
      await fs.chown(temporary, site.runAs.uid, site.runAs.gid);
      await fs.chown(passwordFile, site.runAs.uid, site.runAs.gid);
    }
    await initdb(site, { made, passwordFile, durable });
    await fs.rename(made, site.clusterDir);
    await syncFolder(site.dataDir);
  } finally {
    await fs.rm(temporary, { recursive: true, force: true });
  }
}

async function initdb(
  site: Site,
  { made, passwordFile, durable }: { made: string; passwordFile: string; durable: boolean },
): Promise<void> {
  const args = ['-D', made, '-U', DATABASE_USER, '--auth=scram-sha-256', '--no-instructions'];
  args.push(`--pwfile=${passwordFile}`, '--encoding=UTF8');
  // The server's own C.UTF-8: the same order and case rules whatever the system has installed.
  args.push('--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C');
  if (!durable) args.push('--no-sync');
  try {
    await run(path.join(site.binDir, 'initdb'), args, {
      cwd: site.dataDir,
      env: SERVER_ENV,
      timeout: INITDB_TIMEOUT_MS,
      ...spawnIds(site),
    });
  } catch (error) {
    const output = error instanceof Error && 'stderr' in error ? String(error.stderr) : '';
    throw explainFailure(
      site,
      'PostgreSQL could not make its data folder',
      output || String(error),
    );
  }
}

/**
 * The error for a failed initdb or server: its last lines, or what they mean where that is known.
 */
export function explainFailure(site: Site, what: string, output: string): EmbeddedPostgresError {
  if (output.includes('No space left on device')) return diskFull(site.dataDir);
  if (output.includes('could not look up effective user ID')) {
    return new EmbeddedPostgresError(
      `PostgreSQL needs the user it runs as to have a name, and user id ` +
        `${site.runAs?.uid ?? process.getuid?.()} has none on this system. Add it to ` +
        `/etc/passwd, start Souk as another user, ${USE_ANOTHER_DATABASE}.`,
    );
  }
  const lines = output.trim().split('\n').slice(-5).join('\n  ');
  return new EmbeddedPostgresError(`${what} in ${site.dataDir}. Its last lines:\n  ${lines}`);
}

/** The error for a disk without space. */
export function diskFull(dataDir: string): EmbeddedPostgresError {
  return new EmbeddedPostgresError(
    `The disk that holds ${dataDir} is full. Free some space (at least ${FREE_SPACE_MIN_MB} MB), ` +
      `or set DATA_DIR to a folder on another disk. Nothing that was saved is lost.`,
  );
}

async function refuseFullDisk(dataDir: string): Promise<void> {
  const disk = await fs.statfs(dataDir);
  if (disk.bavail * disk.bsize < FREE_SPACE_MIN_MB * 1_000_000) throw diskFull(dataDir);
}

/** The password of the database, from its file. @throws EmbeddedPostgresError when it is gone */
export async function readPassword(site: Site): Promise<string> {
  try {
    const password = (await fs.readFile(site.passwordFile, 'utf8')).trim();
    if (password !== '') return password;
    throw new Error('it is empty');
  } catch (error) {
    throw new EmbeddedPostgresError(
      `The database's password cannot be read from ${site.passwordFile} ` +
        `(${errorCode(error) ?? (error as Error).message}). Put the file back from a backup of ` +
        `the data folder, or start Souk as the user who made it.`,
    );
  }
}

/** A new password, or the one that a first boot killed on its way left behind. */
async function keepPassword(site: Site): Promise<string> {
  const known = await fs.readFile(site.passwordFile, 'utf8').catch(ignoreMissing);
  if (known?.trim()) return known.trim();
  const password = randomBytes(24).toString('base64url');
  const temporary = `${site.passwordFile}.new`;
  await fs.rm(temporary, { force: true });
  const file = await fs.open(temporary, 'wx', 0o600);
  await file.writeFile(`${password}\n`);
  await file.sync();
  await file.close();
  await fs.rename(temporary, site.passwordFile);
  return password;
}

async function removeLeftovers(dataDir: string): Promise<void> {
  const names = await fs.readdir(dataDir);
  for (const name of names.filter((name) => name.startsWith(TEMPORARY))) {
    // An initdb whose parent was killed may still be writing there: then the next start removes it.
    await fs.rm(path.join(dataDir, name), { recursive: true, force: true }).catch(() => undefined);
  }
}

/** What was renamed in the folder is so after a power cut, too. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await fs.open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
