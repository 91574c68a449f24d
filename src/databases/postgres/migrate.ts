/** Creates and updates the tables that the service needs. Several processes may do so concurrently. */
import { SinkError } from '../../errors.ts';
import type { Migration } from '../driver.ts';
import { type DatedMigration, MIGRATED_COLUMNS, migrationsFolder, readMigrations } from '../migrations-folder.ts';
import { openPostgres, type PostgresConnection } from './connection.ts';
import { classifyPostgresError } from './errors.ts';

// Drizzle's default schema, and a table of our own.
const SCHEMA = 'drizzle';
const TABLE = 'wado_consumer_migrations';
const RECORDS = `${SCHEMA}.${TABLE}`;

// An arbitrary number for our advisory lock.
const LOCK = '7737284116391274837';

// While a migration waits for a table lock, every later statement queues behind it. Give up and retry instead.
const LOCK_TIMEOUT_MS = 10_000;
// Ample, since no migration reads or rewrites a table. A dead connection is detected within this time.
const MIGRATION_TIMEOUT_MS = 28_000;
const CONNECT_TIMEOUT_MS = 5_000;

/** Options of a migration. */
export interface MigratePostgresOptions {
  /** The sink's name in errors [`postgres`]. */
  readonly name?: string;
  /** Connect timeout per host in milliseconds [5000]. */
  readonly connectTimeoutMs?: number;
  /** How long to wait for locks of other sessions, in milliseconds [10000]. */
  readonly lockTimeoutMs?: number;
  /** Changes nothing [false]. */
  readonly dryRun?: boolean;
}

/**
 * Applies the missing migrations of `drizzle/pg` and resolves to them; all of them when somebody has dropped a table or a column that they
 * made. A second run applies none and needs only read privileges.
 * Works on an empty database and on one that upstream created (docs/contract.md, "Tables"). Rejects with a SinkError: `conflict` when
 * another session has locked the tables, `misconfigured` when a privilege is missing.
 */
export async function migratePostgres(
  dsn: string,
  options: MigratePostgresOptions = {},
): Promise<readonly Migration[]> {
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
    if (options.dryRun === true) return await pending(connection);
    return await migrateOn(connection, name, options.lockTimeoutMs ?? LOCK_TIMEOUT_MS);
  } finally {
    clearTimeout(deadline);
    await connection.close();
  }
}

async function migrateOn(
  connection: PostgresConnection,
  name: string,
  lockTimeoutMs: number,
): Promise<readonly Migration[]> {
  if ((await pending(connection)).length === 0) return [];
  await connection.query({ text: `set lock_timeout = ${lockTimeoutMs}` });
  // Other processes wait here until the lock is released, and then find no pending migration.
  await connection.query({ text: 'select pg_advisory_lock($1::bigint)', values: [LOCK] });
  const missing = await pending(connection);
  if (missing.length > 0) await applyAll(connection, name, missing);
  // The end of the session would release it too, but PGlite's connections share one session.
  await connection.query({ text: 'select pg_advisory_unlock($1::bigint)', values: [LOCK] });
  return missing;
}

async function applyAll(
  connection: PostgresConnection,
  name: string,
  missing: readonly DatedMigration[],
): Promise<void> {
  // Loaded here, so that a service whose tables are up to date doesn't load it.
  const [{ drizzle }, { migrate }] = await Promise.all([
    import('drizzle-orm/node-postgres'),
    import('drizzle-orm/node-postgres/migrator'),
  ]);
  const where = { migrationsFolder: migrationsFolder('pg'), migrationsSchema: SCHEMA, migrationsTable: TABLE };
  try {
    // Drizzle applies what is newer than the last recorded migration.
    if (await isRecorded(connection))
      await connection.query({ text: `delete from ${RECORDS} where created_at >= $1`, values: [missing[0]?.at] });
    await migrate(drizzle({ client: connection.client }), where);
  } catch (error) {
    const { code, detail } = classifyPostgresError(error);
    throw new SinkError(name, code === 'rejected' ? 'misconfigured' : code, detail, { operation: 'migrate' });
  }
}

// Checked first, because drizzle's migrate() always tries to create its schema, for which the service may lack the privilege.
async function pending(connection: PostgresConnection): Promise<readonly DatedMigration[]> {
  const migrations = readMigrations('pg');
  if (!(await isRecorded(connection)) || !(await isInEffect(connection))) return migrations;
  const [last] = await connection.query({ text: `select max(created_at) as at from ${RECORDS}` });
  return migrations.filter(({ at }) => at > Number(last?.at ?? 0));
}

async function isRecorded(connection: PostgresConnection): Promise<boolean> {
  const [there] = await connection.query({ text: `select to_regclass('${RECORDS}') is not null as there` });
  return there?.there === true;
}

/** Whether the tables still have what the migrations made. to_regclass uses the search_path, like the statements of the sink. */
async function isInEffect(connection: PostgresConnection): Promise<boolean> {
  const columns = MIGRATED_COLUMNS.map(([table, column]) => `(to_regclass('${table}'), '${column}')`).join(', ');
  const [found] = await connection.query({
    text: `select count(*) as n from pg_attribute where (attrelid, attname) in (${columns}) and not attisdropped`,
  });
  return Number(found?.n) === MIGRATED_COLUMNS.length;
}
