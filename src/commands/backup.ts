import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import { type Config, loadConfig } from '../config.ts';
import { openServer } from '../context.ts';
import { dump } from '../kernel/backup/dump.ts';
import { explain, writeWhole } from '../kernel/backup/file.ts';
import { openProgress } from '../kernel/backup/progress.ts';
import { openSession } from '../kernel/backup/session.ts';
import { sql } from '../kernel/db.ts';
import { OperatorError } from '../kernel/errors.ts';
import { soukVersion } from '../kernel/root.ts';
import { type Command, say, tell } from './command.ts';

/**
 * Who was logged in is not kept: a logout after the backup would be undone by restoring it, and a
 * stolen token would be good again.
 */
const leftOut = ['sessions', 'socket_tickets'];

export const backup: Command = {
  summary: 'write all that the shop knows to a file',
  usage: `Usage: souk backup <file> [--force] [--quiet]

Writes the whole database to a file, as it is at one moment, while the shop goes on serving. The
schema is left as it is, so it is safe to run before an update. "-" writes to standard output.
The file holds password hashes: only its owner may read it, keep it that way. It does not hold who
is logged in, nor JWT_SECRET, which is in DATA_DIR or the environment.

  --force   replaces the file if it exists
  --quiet   says nothing while all goes well`,
  async run(args, stop) {
    const { values, positionals } = parseArgs({
      args,
      options: { force: { type: 'boolean' }, quiet: { type: 'boolean' } },
      allowPositionals: true,
    });
    const [file, ...more] = positionals;
    if (file === undefined || more.length > 0) throw new OperatorError(this.usage);
    if (file === '-' && process.stdout.isTTY) {
      throw new OperatorError('A backup is not for a terminal: send it to a file or a program.');
    }
    try {
      await backUp(file, { force: values.force ?? false, quiet: values.quiet ?? false, stop });
      return 0;
    } catch (error) {
      if (!stop.aborted) throw error;
      tell('Stopped; there is no backup.');
      return 1;
    }
  },
};

async function backUp(
  file: string,
  { force, quiet, stop }: { force: boolean; quiet: boolean; stop: AbortSignal },
): Promise<void> {
  const config = loadConfig();
  refuseNoShop(config);
  const began = Date.now();
  const progress = openProgress((line) => void (quiet || tell(line)));
  const write = (bytes: AsyncIterable<Buffer>): Promise<void> =>
    file === '-' ? writeOut(bytes, stop) : writeWhole(file, { force }, bytes);
  const server = await openServer(config, () => undefined);
  try {
    const session = await openSession(server.connection, stop);
    try {
      const { tables } = await dump(session, {
        souk: soukVersion(),
        leftOut,
        about: async (tx) =>
          (await tx.row(sql`SELECT shop_id AS "shopId", currency FROM shop`)) ?? {},
        progress,
        write,
      });
      const size = file === '-' ? '' : ` (${((await stat(file)).size / 1e6).toFixed(1)} MB)`;
      const seconds = ((Date.now() - began) / 1000).toFixed(1);
      const done = `Backed up ${tables.length} tables to ${file}${size} in ${seconds} s.`;
      if (!quiet) (file === '-' ? tell : say)(done);
    } finally {
      await session.close();
    }
  } finally {
    progress.close();
    await server.stop();
  }
}

/** A wrong folder must not become an empty shop with an empty backup. */
function refuseNoShop({ databaseUrl, dataDir }: Config): void {
  if (databaseUrl !== undefined || existsSync(join(dataDir, 'postgres'))) return;
  throw new OperatorError(`There is no shop in ${dataDir}. Set DATA_DIR to its folder.`);
}

async function writeOut(bytes: AsyncIterable<Buffer>, stop: AbortSignal): Promise<void> {
  try {
    await pipeline(bytes, process.stdout, { signal: stop });
  } catch (error) {
    throw explain(error, '-');
  }
}
