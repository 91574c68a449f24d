/** Creates and updates the tables that the service needs. Several processes may do so concurrently. */
import { SinkError } from '../../errors.ts';
import type { Migration } from '../driver.ts';
import { type DatedMigration, MIGRATED_COLUMNS, migrationsFolder, readMigrations } from '../migrations-folder.ts';
import { type MysqlConnection, openMysql } from './connection.ts';
import { classifyMysqlError } from './errors.ts';

const TABLE = 'wado_consumer_migrations';

// While a migration waits for a table lock, every later statement queues behind it. Give up and retry instead.
const LOCK_TIMEOUT_S = 10;
// As in PostgreSQL: a line that answers no more is detected within this time.
const ANSWER_TIMEOUT_MS = 28_000;
// Changing the collation of a key rewrites a table that was there before.
const REWRITE_TIMEOUT_MS = 10 * 60_000;
const CONNECT_TIMEOUT_MS = 5_000;

/** Options of a migration. */
export interface MigrateMysqlOptions {
  /** The sink's name in errors [`mysql`]. */
  readonly name?: string;
  /** Connect timeout in milliseconds [5000]. */
  readonly connectTimeoutMs?: number;
  /** How long to wait for locks of other sessions, in seconds [10]. */
  readonly lockTimeoutS?: number;
  /** How long to wait for the server's answers, in milliseconds [28000]. A change of tables that were there before may take 10 minutes. */
  readonly answerTimeoutMs?: number;
  /** Changes nothing [false]. */
  readonly dryRun?: boolean;
}

/**
 * Applies the missing migrations of `drizzle/mysql` and resolves to them; all of them when somebody has dropped a table or a column that
 * they made. A second run applies none and needs only read privileges.
 * Works on an empty database and on the table that upstream's script creates (docs/contract.md, "Tables"). Rejects with a SinkError:
 * `conflict` when another session has locked the tables, `misconfigured` when a privilege is missing.
 */
export async function migrateMysql(dsn: string, options: MigrateMysqlOptions = {}): Promise<readonly Migration[]> {
  const name = options.name ?? 'mysql';
  const answerTimeoutMs = options.answerTimeoutMs ?? ANSWER_TIMEOUT_MS;
  const connection = await openMysql({
    name,
    dsn,
    connectTimeoutMs: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    statementTimeoutMs: answerTimeoutMs,
    operation: 'migrate',
  });
  try {
    if (options.dryRun === true) return await pending(connection);
    return await migrateOn(connection, name, options.lockTimeoutS ?? LOCK_TIMEOUT_S, answerTimeoutMs);
  } finally {
    await connection.close();
  }
}

async function migrateOn(
  connection: MysqlConnection,
  name: string,
  lockTimeoutS: number,
  answerTimeoutMs: number,
): Promise<readonly Migration[]> {
  if ((await pending(connection)).length === 0) return [];
  await connection.query(`set lock_wait_timeout = ${lockTimeoutS}`);
  // Other processes wait here until the lock is released, and then find no pending migration. Names of locks count for the whole server.
  // The end of the session releases it.
  const [lock] = await connection.query(
    `select get_lock(concat('wado-consumer ', left(sha2(database(), 256), 32)), ${lockTimeoutS}) as held`,
  );
  if (Number(lock?.held) !== 1) throw new SinkError(name, 'conflict', 'migration_lock', { operation: 'migrate' });
  const missing = await pending(connection);
  if (missing.length > 0) {
    const timeoutMs = (await hasTables(connection)) ? REWRITE_TIMEOUT_MS : answerTimeoutMs;
    // Drizzle uses the driver's client, whose statements have no deadline.
    const deadline = setTimeout(() => connection.destroy(), timeoutMs);
    await applyAll(connection, name, missing).finally(() => clearTimeout(deadline));
  }
  return missing;
}

async function applyAll(connection: MysqlConnection, name: string, missing: readonly DatedMigration[]): Promise<void> {
  // Loaded here, so that a service whose tables are up to date doesn't load it.
  const [{ drizzle }, { migrate }] = await Promise.all([
    import('drizzle-orm/mysql2'),
    import('drizzle-orm/mysql2/migrator'),
  ]);
  const where = { migrationsFolder: migrationsFolder('mysql'), migrationsTable: TABLE };
  try {
    // Drizzle applies what is newer than the last recorded migration.
    if (await isRecorded(connection))
      await connection.query(`delete from ${TABLE} where created_at >= ${Number(missing[0]?.at)}`);
    await migrate(drizzle({ client: connection.client }), where);
  } catch (error) {
    const { code, detail } = classifyMysqlError(error);
    throw new SinkError(name, code === 'rejected' ? 'misconfigured' : code, detail, { operation: 'migrate' });
  }
}

// Checked first, because drizzle's migrate() always tries to create its table, for which the service may lack the privilege.
async function pending(connection: MysqlConnection): Promise<readonly DatedMigration[]> {
  const migrations = readMigrations('mysql');
  if (!(await isRecorded(connection)) || !(await isInEffect(connection))) return migrations;
  const [last] = await connection.query(`select max(created_at) as at from ${TABLE}`);
  return migrations.filter(({ at }) => at > Number(last?.at ?? 0));
}

async function isRecorded(connection: MysqlConnection): Promise<boolean> {
  const [there] = await connection.query(
    `select count(*) as tables from information_schema.tables where table_schema = database() and table_name = '${TABLE}'`,
  );
  return Number(there?.tables) > 0;
}

/** Whether one of the tables is there, possibly with millions of rows. */
async function hasTables(connection: MysqlConnection): Promise<boolean> {
  const names = [...new Set(MIGRATED_COLUMNS.map(([table]) => `'${table}'`))].join(', ');
  const [found] = await connection.query(
    `select count(*) as n from information_schema.tables where table_schema = database() and table_name in (${names})`,
  );
  return Number(found?.n) > 0;
}

/** Whether the tables still have what the migrations made. */
async function isInEffect(connection: MysqlConnection): Promise<boolean> {
  const columns = MIGRATED_COLUMNS.map(([table, column]) => `('${table}', '${column}')`).join(', ');
  const [found] = await connection.query(
    `select count(*) as n from information_schema.columns where table_schema = database() and (table_name, column_name) in (${columns})`,
  );
  return Number(found?.n) === MIGRATED_COLUMNS.length;
}
