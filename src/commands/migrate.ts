import { join } from 'node:path';
import { type Context, settleCurrency } from '../context.ts';
import { migrate } from '../kernel/migrate.ts';
import { projectRoot } from '../kernel/root.ts';
import { type Command, say, withShop } from './command.ts';

export const migrateCommand: Command = {
  summary: 'bring the database schema up to date',
  usage: `Usage: souk migrate

Runs the migrations that the database has not seen. "souk serve" does the same at its start; run
it alone to have it done before a deployment.`,
  async run() {
    return withShop(async (context) => {
      const done = await migrateShop(context);
      say(done.length > 0 ? `Migrated: ${done.join(', ')}` : 'The schema is up to date.');
      return 0;
    });
  },
};

/** Schema and currency; every command that uses the shop begins with it. */
export async function migrateShop({ db, config }: Context): Promise<string[]> {
  const done = await migrate(db, join(projectRoot(), 'migrations'));
  await settleCurrency(db, config.currency.code);
  return done;
}
