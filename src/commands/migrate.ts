import { parseArgs } from 'node:util';
import { type Command, say, withShop } from './command.ts';

export const migrateCommand: Command = {
  summary: 'bring the database schema up to date',
  usage: `Usage: souk migrate

Runs the migrations that the database has not seen. Every command that opens the shop does so
first; run it alone to have it done before a deployment.`,
  async run(args) {
    parseArgs({ args, options: {} });
    return withShop(async ({ migrated }) => {
      say(migrated.length > 0 ? `Migrated: ${migrated.join(', ')}` : 'The schema is up to date.');
      return 0;
    });
  },
};
