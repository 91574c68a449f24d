/** Brings a database to the tables that the service needs; several processes may try at once. */
import { readMigrationFiles } from 'drizzle-orm/migrator';
import { SinkError } from '../../errors.ts';
import { migrationsFolder } from '../migrations-folder.ts';
import { openPostgres, type PostgresConnection } from './connection.ts';
import { classifyPostgresError } from './errors.ts';

// Drizzle's default schema, and a table that no other program's migrations share.
const SCHEMA = 'drizzle';
const TABLE = 'wado_consumer_migrations';

// Any number will do that no other program locks.
const LOCK = '7737284116391274837';

// A migration waits for whoever uses the tables, and everyone else then waits behind it: better to give up and come back.
const LOCK_TIMEOUT_MS = 10_000;
// No statement of a migration reads or rewrites a table, so this is ample; a dead line is noticed within it.
const MIGRATION_TIMEOUT_MS = 28_000;
const CONNECT_TIMEOUT_MS = 5_000;

export interface MigratePostgresOptions {
  /** The name that errors carry [`postgres`]. */
  readonly name?: string;
  /** Milliseconds [5000]. */
  readonly connectTimeoutMs?: number;
  /** Milliseconds to wait for tables that others hold [10000]. */
  readonly lockTimeoutMs?: number;
}

/**
 * Applies what `drizzle/pg` has and the database lacks, and tells how many migrations that were: 0 on the second run, which then
 * changes nothing and needs no rights but to read. Works on an empty database and on one that upstream created (contract, "Out: tables").
 * Rejects with a SinkError: `conflict` when another process or a long transaction held the tables, `misconfigured` when a right lacks.
 */
export async function migratePostgres(dsn: string, options: MigratePostgresOptions = {}): Promise<number> {
  const name = options.name ?? 'postgres';
  const connection = await openPostgres({
    name,
    dsn,
    connectTimeoutMs: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    statementTimeoutMs: MIGRATION_TIMEOUT_MS,
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
  // Until the session ends: other processes wait here, and then find nothing left to do.
  await connection.query({ text: 'select pg_advisory_lock($1::bigint)', values: [LOCK] });
  const count = await pending(connection, folder);
  if (count > 0) await applyAll(connection, folder, name);
  // Ends with the session anyway; PGlite's connections share one.
  await connection.query({ text: 'select pg_advisory_unlock($1::bigint)', values: [LOCK] });
  return count;
}

async function applyAll(connection: PostgresConnection, folder: string, name: string): Promise<void> {
  // Loaded here: a service whose tables are there, as they mostly are, starts without it.
  const [{ drizzle }, { migrate }] = await Promise.all([
    import('drizzle-orm/node-postgres'),
    import('drizzle-orm/node-postgres/migrator'),
  ]);
  const where = { migrationsFolder: folder, migrationsSchema: SCHEMA, migrationsTable: TABLE };
  try {
    await migrate(drizzle({ client: connection.client }), where);
  } catch (error) {
    const { code, detail } = classifyPostgresError(error);
    throw new SinkError(name, code === 'rejected' ? 'misconfigured' : code, detail);
  }
}

// Asked first: drizzle's own migrate() creates its schema every time, for which a service in daily use need not have the right.
async function pending(connection: PostgresConnection, folder: string): Promise<number> {
  const files = readMigrationFiles({ migrationsFolder: folder });
  const [there] = await connection.query({ text: `select to_regclass('${SCHEMA}.${TABLE}') is not null as there` });
  if (there?.there !== true) return files.length;
  const [last] = await connection.query({ text: `select max(created_at) as at from ${SCHEMA}.${TABLE}` });
  return files.filter((file) => file.folderMillis > Number(last?.at ?? 0)).length;
}
