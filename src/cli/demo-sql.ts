import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig } from '../config/load.ts';
import { startDatabase } from '../embedded/database.ts';
import { DEMO_FILES } from '../embedded/demo.ts';
import { FolderInUseError } from '../embedded/folder-lock.ts';
import { connectTableCounter } from '../embedded/table-counts.ts';
import { CliError, EXIT } from './cli-error.ts';
import { table } from './terminal/table.ts';

/** Runs one query on the database of the running or the last demo; resolves with its result as a table. */
export async function askDemo(folder: string, sql: string): Promise<string> {
  const databaseFolder = join(folder, DEMO_FILES.database);
  if (!existsSync(databaseFolder))
    throw new CliError(EXIT.usage, `there is no demo database in ${folder}: run the demo first`);
  const { dsn, close } = await openDatabase(folder, databaseFolder);
  try {
    return await ask(dsn, sql);
  } finally {
    await close();
  }
}

async function openDatabase(folder: string, databaseFolder: string) {
  try {
    return await startDatabase({ folder: databaseFolder });
  } catch (error) {
    if (!(error instanceof FolderInUseError)) throw error;
    // A demo is running: its configuration file has the address of its database.
    const [database] = loadConfig(join(folder, DEMO_FILES.config), { env: {} }).databases;
    if (database === undefined) throw error;
    return { dsn: database.dsn.reveal(), close: async () => undefined };
  }
}

async function ask(dsn: string, sql: string): Promise<string> {
  const connection = await connectTableCounter(dsn);
  try {
    const { columns, rows } = await connection.query(sql);
    return table(columns, rows);
  } catch (error) {
    // The query is the user's and the data is generated, so PostgreSQL's own message can be shown.
    throw new CliError(EXIT.usage, error instanceof Error ? error.message : 'the query failed');
  } finally {
    await connection.close();
  }
}
