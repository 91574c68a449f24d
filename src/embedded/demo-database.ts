/** The databases that the demo can store in. */
import { type EmbeddedDatabase, type EmbeddedDatabaseOptions, startDatabase } from './database.ts';

/** By the names of their drivers. */
export const DEMO_DATABASES = ['postgres', 'mysql'] as const;

export type DemoDatabaseName = (typeof DEMO_DATABASES)[number];

/** A database of the demo. */
export interface DemoDatabase extends EmbeddedDatabase {
  readonly driver: DemoDatabaseName;
  /** The server and its version; undefined for PGlite. */
  readonly title: string | undefined;
}

/** Its folder below the demo's. */
export const DATABASE_FOLDERS: Readonly<Record<DemoDatabaseName, string>> = { postgres: 'database', mysql: 'mysql' };

/** Starts the database on its folder. Rejects with FolderInUseError, or with the code `no_mysql`. */
export async function startDemoDatabase(
  driver: DemoDatabaseName,
  options: EmbeddedDatabaseOptions,
): Promise<DemoDatabase> {
  if (driver === 'postgres') return { ...(await startDatabase(options)), driver, title: undefined };
  const { startMysql } = await import('./mysql-server.ts');
  return { ...(await startMysql(options)), driver };
}
