import { createHash } from 'node:crypto';
import { constants as fsConstants } from 'node:fs';
import * as fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { findBinaries, USE_ANOTHER_DATABASE } from './binaries.ts';
import { EmbeddedPostgresError } from './error.ts';
import { errorCode, ignoreMissing } from './process.ts';

const MAJOR_VERSION = '18';
export const SOCKET_PORT = 5432; // only names the socket file; nothing listens on the network

const SOCKET_PATH_MAX_BYTES = 100; // the kernel allows 108 on Linux, 104 on macOS

/** The user the server runs as, when that is not the user of this process. */
interface RunAs {
  uid: number;
  gid: number;
}

/** Where everything of one embedded database lies; all paths absolute, without links. */
export interface Site {
  dataDir: string;
  clusterDir: string;
  socketDir: string;
  logFile: string;
  passwordFile: string;
  lockFile: string;
  binDir: string;
  runAs: RunAs | undefined;
}

/**
 * Finds the binaries, checks that the data folder can be used, and makes the folders around it.
 * @throws EmbeddedPostgresError when something stands in the way; the cluster is not touched
 */
export async function prepareSite(wantedDataDir: string): Promise<Site> {
  const nativeDir = await findBinaries();
  const wanted = path.resolve(wantedDataDir);
  await refuseForeignCluster(path.join(wanted, 'postgres'));
  const runAs = await chooseUser(path.join(wanted, 'postgres'));
  const dataDir = await makeDataDir(wanted, runAs);
  if (runAs) {
    for (const folder of ['bin', 'lib', 'share']) {
      await checkEnterable(path.join(nativeDir, folder), runAs, 'program');
    }
  }
  return {
    dataDir,
    clusterDir: path.join(dataDir, 'postgres'),
    socketDir: await makeSocketDir(dataDir, runAs),
    logFile: path.join(dataDir, 'postgres.log'),
    passwordFile: path.join(dataDir, 'database-password'),
    lockFile: path.join(dataDir, 'postgres.lock'),
    binDir: path.join(nativeDir, 'bin'),
    runAs,
  };
}

async function refuseForeignCluster(clusterDir: string): Promise<void> {
  let entries: string[];
  try {
    entries = await fs.readdir(clusterDir);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return;
    if (errorCode(error) === 'ENOTDIR') {
      throw new EmbeddedPostgresError(
        `${clusterDir} cannot be the database's folder, because a file is in the way. Move the ` +
          `file away, or set DATA_DIR to another folder.`,
      );
    }
    throw await notOurs(clusterDir, error);
  }
  if (entries.length === 0) return;
  if (!entries.includes('PG_VERSION')) {
    throw new EmbeddedPostgresError(
      `${clusterDir} is not empty and is not a PostgreSQL data folder, so it was left alone. ` +
        `Move it away, or set DATA_DIR to another folder.`,
    );
  }
  const version = (await fs.readFile(path.join(clusterDir, 'PG_VERSION'), 'utf8')).trim();
  if (version === MAJOR_VERSION) return;
  throw new EmbeddedPostgresError(
    `${clusterDir} was made by PostgreSQL ${version}, and this Souk brings PostgreSQL ` +
      `${MAJOR_VERSION}; nothing was changed. Start it with the Souk that made it, dump it with ` +
      `pg_dump ${version} and restore into a new DATA_DIR, or set DATABASE_URL to a ` +
      `PostgreSQL ${version} server that uses the folder.`,
  );
}

async function notOurs(folder: string, cause: unknown): Promise<EmbeddedPostgresError> {
  const owner = await fs.stat(folder).catch(() => undefined);
  return new EmbeddedPostgresError(
    `${folder} cannot be read (${errorCode(cause)}): it belongs to user id ${owner?.uid}, and ` +
      `this process runs as user id ${process.getuid?.()}. Start Souk as the user who made the ` +
      `data (root if it was root), or give it over: chown -R ${process.getuid?.()} ` +
      path.dirname(folder),
  );
}

/** PostgreSQL refuses to run as root: then it runs as the owner of the data, else as nobody. */
async function chooseUser(clusterDir: string): Promise<RunAs | undefined> {
  const owner = await fs.stat(clusterDir).catch(ignoreMissing);
  const self = process.getuid?.();
  if (self !== 0) {
    if (owner && owner.uid !== self) throw await notOurs(clusterDir, new Error('not the owner'));
    return undefined;
  }
  if (owner && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  const users = await fs.readFile('/etc/passwd', 'utf8');
  const nobody = /^nobody:[^:]*:(-?\d+):(-?\d+):/m.exec(users);
  if (!nobody) {
    throw new EmbeddedPostgresError(
      'PostgreSQL does not run as root, and this system has no user "nobody" to run it as. ' +
        `Start Souk as a normal user, ${USE_ANOTHER_DATABASE}.`,
    );
  }
  return { uid: Number(nobody[1]) >>> 0, gid: Number(nobody[2]) >>> 0 };
}

async function makeDataDir(wanted: string, runAs: RunAs | undefined): Promise<string> {
  try {
    if (runAs) await checkEnterable(await nearestExisting(wanted), runAs, 'data');
    const made = await fs.mkdir(wanted, { recursive: true });
    if (runAs && made) await openFolders(made, wanted);
    const dataDir = await fs.realpath(wanted);
    await fs.access(dataDir, fsConstants.W_OK | fsConstants.X_OK);
    return dataDir;
  } catch (error) {
    if (error instanceof EmbeddedPostgresError) throw error;
    throw new EmbeddedPostgresError(
      `The data folder ${wanted} cannot be made or written (${errorCode(error)}). Make it ` +
        `writable for this user, or set DATA_DIR to another folder.`,
    );
  }
}

/** A strict umask must not keep the server's user out of the folders made just now. */
async function openFolders(top: string, bottom: string): Promise<void> {
  await fs.chmod(bottom, 0o755);
  if (bottom !== top) await openFolders(top, path.dirname(bottom));
}

async function nearestExisting(folder: string): Promise<string> {
  const found = await fs.realpath(folder).catch(ignoreMissing);
  return found ?? nearestExisting(path.dirname(folder));
}

async function checkEnterable(folder: string, user: RunAs, of: 'program' | 'data'): Promise<void> {
  for (let dir = folder; ; dir = path.dirname(dir)) {
    const info = await fs.stat(dir);
    const bit = info.uid === user.uid ? 0o100 : info.gid === user.gid ? 0o010 : 0o001;
    if ((info.mode & bit) === 0) {
      throw new EmbeddedPostgresError(
        `PostgreSQL does not run as root, so it is started as user id ${user.uid}, and that ` +
          `user may not enter ${dir}, which is on the way to ` +
          (of === 'data'
            ? `the data folder. Set DATA_DIR to a folder it can reach, such as /srv/souk/data, `
            : `the PostgreSQL programs. Move the project to a folder such as /srv/souk, `) +
          `start Souk as a normal user, ${USE_ANOTHER_DATABASE}.`,
      );
    }
    if (dir === path.dirname(dir)) return;
  }
}

async function makeSocketDir(dataDir: string, runAs: RunAs | undefined): Promise<string> {
  const inData = path.join(dataDir, 'run');
  const inTmp = path.join(
    await fs.realpath(tmpdir()),
    `souk-${createHash('sha256').update(dataDir).digest('hex').slice(0, 16)}`,
  );
  const dir = [inData, inTmp].find(
    (dir) => Buffer.byteLength(`${dir}/.s.PGSQL.${SOCKET_PORT}`) <= SOCKET_PATH_MAX_BYTES,
  );
  if (!dir) {
    throw new EmbeddedPostgresError(
      `Both ${inData} and ${inTmp} are too long for a socket path. Set DATA_DIR or TMPDIR to a ` +
        `shorter folder.`,
    );
  }
  if (runAs) await checkEnterable(path.dirname(dir), runAs, 'data');
  await fs.mkdir(dir, { mode: 0o700 }).catch((error: unknown) => {
    if (errorCode(error) !== 'EEXIST') throw error;
  });
  const info = await fs.lstat(dir);
  const owner = runAs?.uid ?? process.getuid?.();
  const ours = info.uid === owner || (runAs && (info.uid === 0 || dir === inData));
  if (!info.isDirectory() || !ours || (info.mode & 0o077) !== 0) {
    throw new EmbeddedPostgresError(
      `The socket folder ${dir} is not a private folder (mode 0700) of user id ${owner}, so it ` +
        `is not safe to use. Remove it and start again.`,
    );
  }
  if (runAs) await fs.chown(dir, runAs.uid, runAs.gid);
  return dir;
}
