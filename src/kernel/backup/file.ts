import * as fs from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorCode } from '../db-errors.ts';
import { syncFolder } from '../embedded/cluster.ts';
import { OperatorError } from '../errors.ts';

/**
 * Makes a file that is there as a whole or not at all: written beside as FILE.partial, flushed to
 * disk, then renamed. Only its owner may read it.
 * @param options.force an existing file is replaced; without it, refused
 * @throws OperatorError when it exists, or cannot be written
 */
export async function writeWhole(
  file: string,
  { force }: { force: boolean },
  content: AsyncIterable<Buffer>,
): Promise<void> {
  const partial = `${file}.partial`;
  let handle: fs.FileHandle | undefined;
  try {
    await refuseExisting(file, force);
    await fs.rm(partial, { force: true }); // of one that was killed
    handle = await fs.open(partial, 'wx', 0o600);
    for await (const chunk of content) await handle.writeFile(chunk); // goes on where it stands
    await handle.sync();
    await refuseExisting(file, force);
    if (!(await isStillAt(handle, partial))) {
      throw new OperatorError(`Another program wrote ${partial}: ${file} was not made.`);
    }
    await fs.rename(partial, file);
    await syncFolder(dirname(file));
  } catch (error) {
    if (handle && (await isStillAt(handle, partial))) await fs.rm(partial, { force: true });
    throw explain(error, file);
  } finally {
    await handle?.close();
  }
}

async function refuseExisting(file: string, force: boolean): Promise<void> {
  const info = await fs.lstat(file).catch(() => undefined);
  if (info && !info.isFile()) {
    throw new OperatorError(`${file} is not a regular file. Name one, or "-" for standard output.`);
  }
  if (info && !force) {
    throw new OperatorError(`${file} exists. Choose another name, or replace it with --force.`);
  }
}

/** Two programs that write to one name: the one that began last has it. */
async function isStillAt(handle: fs.FileHandle, path: string): Promise<boolean> {
  const [ours, there] = [await handle.stat(), await fs.stat(path).catch(() => undefined)];
  return there?.ino === ours.ino && there.dev === ours.dev;
}

/** What the system says about a file, in words. */
export function explain(error: unknown, file: string): unknown {
  const reason: Record<string, string> = {
    ENOSPC: 'the disk is full',
    EDQUOT: 'the disk quota is used up',
    EFBIG: 'the file system does not take files this large',
    ENOENT: 'there is no such file or folder',
    ENOTDIR: 'a part of its path is not a folder',
    EISDIR: 'it is a folder',
    EACCES: 'this user may not',
    EPERM: 'this user may not',
    EROFS: 'the file system is read-only',
    EIO: 'the disk failed',
    EPIPE: 'whoever read it went away',
  };
  const code = errorCode(error);
  const isOfFile = error instanceof Error && 'syscall' in error;
  if (!isOfFile || reason[code] === undefined) return error;
  const name = file === '-' ? 'the standard output' : file;
  return new OperatorError(`Cannot use ${name}: ${reason[code]}.`);
}
