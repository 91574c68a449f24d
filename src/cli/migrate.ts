import { Command } from 'commander';
import { nameOf } from '../config/config.ts';
import { loadConfig } from '../config/load.ts';
import { databaseDriver } from '../databases/registry.ts';
import { addConfigOptions, type ConfigOptions, configArguments } from './config-options.ts';
import { withDatabase } from './database-errors.ts';
import { print } from './output.ts';

/** `migrate [redpanda.yaml]`: creates or updates the tables of every configured database. A second run changes nothing. */
export function migrateCommand(): Command {
  return addConfigOptions(new Command('migrate'))
    .description('Create or update the tables of every configured database')
    .action(async (file: string, options: ConfigOptions) => {
      for (const database of loadConfig(file, configArguments(options)).databases) {
        const name = nameOf(database);
        const dsn = database.dsn.reveal();
        await withDatabase('migrating', name, dsn, () => databaseDriver(database.driver).migrate(dsn, name));
        await print(`${name}: up to date\n`);
      }
    });
}
