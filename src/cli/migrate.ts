import { Command } from 'commander';
import { type DatabaseConfig, nameOf } from '../config/config.ts';
import { loadConfig } from '../config/load.ts';
import type { Migration } from '../databases/driver.ts';
import { databaseDriver } from '../databases/registry.ts';
import { CliError, EXIT } from './cli-error.ts';
import { addConfigOptions, type ConfigOptions, collect, configArguments } from './config-options.ts';
import { withDatabase } from './database-errors.ts';
import { print } from './output.ts';

interface MigrateOptions extends ConfigOptions {
  readonly dryRun?: boolean;
  readonly database?: readonly string[];
}

/**
 * `migrate [redpanda.yaml]`: creates or updates the tables of every configured database. A second run changes nothing. A database that
 * fails doesn't keep the others from being migrated; the verb then ends with all messages and exit code 3.
 */
export function migrateCommand(): Command {
  return addConfigOptions(new Command('migrate'))
    .description('Create or update the tables of every configured database')
    .option('--dry-run', 'print the SQL of the missing migrations, and change nothing')
    .option('-d, --database <label>', 'only the database with this label (repeatable)', collect)
    .action(async (file: string, options: MigrateOptions) => {
      const { databases } = loadConfig(file, configArguments(options));
      const failures: CliError[] = [];
      for (const database of chosen(databases, options.database)) {
        try {
          await migrate(database, options.dryRun === true);
        } catch (error) {
          if (!(error instanceof CliError)) throw error;
          failures.push(error);
        }
      }
      if (failures.length > 0) throw new CliError(EXIT.broke, failures.map(({ message }) => message).join('\n'));
    });
}

function chosen(databases: readonly DatabaseConfig[], names: readonly string[] = []): readonly DatabaseConfig[] {
  const known = databases.map(nameOf);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw new CliError(EXIT.usage, `--database ${unknown}: not in the configuration, which has ${known.join(', ')}`);
  return names.length === 0 ? databases : databases.filter((database) => names.includes(nameOf(database)));
}

async function migrate(database: DatabaseConfig, dryRun: boolean): Promise<void> {
  const name = nameOf(database);
  const dsn = database.dsn.reveal();
  const driver = databaseDriver(database.driver);
  const request = { name, dsn, options: database.options, dryRun };
  const migrations = await withDatabase('migrating', name, { driver, dsn }, () => driver.migrate(request));
  await print(dryRun ? sqlOf(name, driver.description.title, migrations) : `${name}: ${resultOf(migrations)}\n`);
}

function resultOf(migrations: readonly Migration[]): string {
  return migrations.length === 0 ? 'up to date' : `applied ${migrations.map(({ name }) => name).join(', ')}`;
}

/** SQL that a client of the database can run. What is not SQL is a comment. */
function sqlOf(database: string, title: string, migrations: readonly Migration[]): string {
  const head = `-- ${database} (${title}): ${migrations.length === 0 ? 'up to date' : 'to apply'}\n`;
  const parts = migrations.map(({ name, statements }) =>
    [`-- ${name}`, ...statements.map((statement) => `${statement};`)].join('\n'),
  );
  return [head, ...parts.map((part) => `${part}\n`)].join('');
}
