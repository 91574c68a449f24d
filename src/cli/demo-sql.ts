import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig } from '../config/load.ts';
import { connectCounter } from '../embedded/counter.ts';
import { DEMO_FILES } from '../embedded/demo.ts';
import {
  DATABASE_FOLDERS,
  DEMO_DATABASES,
  type DemoDatabaseName,
  startDemoDatabase,
} from '../embedded/demo-database.ts';
import { FolderInUseError } from '../embedded/folder-lock.ts';
import { CliError, EXIT } from './cli-error.ts';
import { table } from './terminal/table.ts';

/** Runs one query on the database of the running or the last demo; resolves with its result as a table. */
export async function askDemo(folder: string, sql: string): Promise<string> {
  const configFile = join(folder, DEMO_FILES.config);
  const [configured] = existsSync(configFile) ? loadConfig(configFile, { env: {} }).databases : [];
  const driver = DEMO_DATABASES.find((name) => name === configured?.driver);
  if (configured === undefined || driver === undefined)
    throw new CliError(EXIT.usage, `there is no demo database in ${folder}: run the demo first`);
  const { dsn, close } = await openDatabase(driver, folder, configured.dsn.reveal());
  try {
    return await ask({ driver, dsn }, sql);
  } finally {
    await close();
  }
}

/** While a demo runs, its database is at the address in its configuration file. */
async function openDatabase(driver: DemoDatabaseName, folder: string, running: string) {
  try {
    return await startDemoDatabase(driver, { folder: join(folder, DATABASE_FOLDERS[driver]) });
  } catch (error) {
    if (!(error instanceof FolderInUseError)) throw error;
    return { dsn: running, close: async () => undefined };
  }
}

async function ask(database: { driver: DemoDatabaseName; dsn: string }, sql: string): Promise<string> {
  const connection = await connectCounter(database);
  try {
    const { columns, rows } = await connection.query(sql);
    return table(columns, rows);
  } catch (error) {
    // The query is the user's and the data is generated, so the database's own message can be shown.
    throw new CliError(EXIT.usage, error instanceof Error ? error.message : 'the query failed');
  } finally {
    await connection.close();
  }
}
