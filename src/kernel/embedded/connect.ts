import { Client } from 'pg';
import { DATABASE, DATABASE_USER, readPassword } from './cluster.ts';
import { EmbeddedPostgresError } from './error.ts';
import { type Site, SOCKET_PORT } from './files.ts';
import { errorCode } from './process.ts';

const INVALID_PASSWORD = '28P01';
const NO_SUCH_DATABASE = '3D000';

/**
 * Connects once, and makes the database if it is missing (the first boot, or one cut short).
 * @throws EmbeddedPostgresError when the password is gone or wrong; else what `pg` throws
 */
export async function ensureDatabase(site: Site, socketDir: string): Promise<void> {
  try {
    await query(site, { socketDir, database: DATABASE }, 'SELECT 1');
  } catch (error) {
    if (errorCode(error) === INVALID_PASSWORD) {
      throw new EmbeddedPostgresError(
        `The password in ${site.passwordFile} is not the one of the database beside it. Put the ` +
          `file back from a backup of the same data folder.`,
      );
    }
    if (errorCode(error) !== NO_SUCH_DATABASE) throw error;
    await query(site, { socketDir, database: 'postgres' }, `CREATE DATABASE ${DATABASE}`);
  }
}

async function query(
  site: Site,
  { socketDir, database }: { socketDir: string; database: string },
  text: string,
): Promise<void> {
  const client = new Client({
    host: socketDir,
    port: SOCKET_PORT,
    user: DATABASE_USER,
    password: await readPassword(site),
    database,
    ssl: false,
    connectionTimeoutMillis: 5_000,
  });
  client.on('error', () => {}); // reported by the query below
  try {
    await client.connect();
    await client.query(text);
  } finally {
    await client.end().catch(() => {});
  }
}
