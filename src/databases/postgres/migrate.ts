/** Creates and updates the tables that the service needs. Several processes may do so at once. */
import { readMigrationFiles } from 'drizzle-orm/migrator';
import { SinkError } from '../../errors.ts';
import { migrationsFolder } from '../migrations-folder.ts';
import { openPostgres, type PostgresConnection } from './connection.ts';
import { classifyPostgresError } from './errors.ts';

// Drizzle's default schema, and a table that no other program's migrations share.
const SCHEMA = 'drizzle';
const TABLE = 'wado_consumer_migrations';

// An advisory lock of our own: any number that no other program locks.
const LOCK = '7737284116391274837';

// While a migration waits for a table lock, every later statement queues behind it. Give up and retry instead.
const LOCK_TIMEOUT_MS = 10_000;
// No statement of a migration reads or rewrites a table, so this is ample. A dead connection is noticed within it.
const MIGRATION_TIMEOUT_MS = 28_000;
const CONNECT_TIMEOUT_MS = 5_000;

export interface MigratePostgresOptions {
  /** The name that errors carry [`postgres`]. */
  readonly name?: string;
  /** Milliseconds [5000]. */
  readonly connectTimeoutMs?: number;
  /** Milliseconds to wait for locks of other sessions [10000]. */
  readonly lockTimeoutMs?: number;
}

/**
 * Applies the migrations of `drizzle/pg` that the database lacks, and resolves to their number: 0 on the second run, which changes
 * nothing and needs no right but to read. Works on an empty database and on one that upstream created (docs/contract.md, "Tables").
 * Rejects with a SinkError: `conflict` when another session held the tables, `misconfigured` when a right is missing.
 */
export async function migratePostgres(dsn: string, options: MigratePostgresOptions = {}): Promise<number> {
  const name = options.name ?? 'postgres';
  const connection = await openPostgres({
    name,
    dsn,
    connectTimeoutMs: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    statementTimeoutMs: MIGRATION_TIMEOUT_MS,
    operation: 'migrate',
  });
  const deadline = setTimeout(() => connection.destroy(), MIGRATION_TIMEOUT_MS);
  try {
    return await migrateOn(connection, name, options.lockTimeoutMs ?? LOCK_TIMEOUT_MS);
  } finally {
    clearTimeout(deadline);
    await connection.close();
  }
}

async function migrateOn(connection: PostgresConnection, name: string, lockTimeoutMs: number): Promise<number> {
  const folder = migrationsFolder('pg');
  if ((await pending(connection, folder)) === 0) return 0;
  await connection.query({ text: `set lock_timeout = ${lockTimeoutMs}` });
  // Held until the session ends: other processes wait here, and then find nothing left to do.
  await connection.query({ text: 'select pg_advisory_lock($1::bigint)', values: [LOCK] });
  const count = await pending(connection, folder);
  if (count > 0) await applyAll(connection, folder, name);
  // The session's end would release it too, but PGlite's connections share one session.
  await connection.query({ text: 'select pg_advisory_unlock($1::bigint)', values: [LOCK] });
  return count;
}

async function applyAll(connection: PostgresConnection, folder: string, name: string): Promise<void> {
  // Loaded here: a service whose tables are up to date starts without it.
  const [{ drizzle }, { migrate }] = await Promise.all([
    import('drizzle-orm/node-postgres'),
    import('drizzle-orm/node-postgres/migrator'),
  ]);
  const where = { migrationsFolder: folder, migrationsSchema: SCHEMA, migrationsTable: TABLE };
  try {
    await migrate(drizzle({ client: connection.client }), where);
  } catch (error) {
    const { code, detail } = classifyPostgresError(error);
    throw new SinkError(name, code === 'rejected' ? 'misconfigured' : code, detail, { operation: 'migrate' });
  }
}

// Checked first: drizzle's migrate() creates its schema every time, and a service in daily use needs no right to that.
async function pending(connection: PostgresConnection, folder: string): Promise<number> {
  const files = readMigrationFiles({ migrationsFolder: folder });
  const [there] = await connection.query({ text: `select to_regclass('${SCHEMA}.${TABLE}') is not null as there` });
  if (there?.there !== true) return files.length;
  const [last] = await connection.query({ text: `select max(created_at) as at from ${SCHEMA}.${TABLE}` });
  return files.filter((file) => file.folderMillis > Number(last?.at ?? 0)).length;
}
