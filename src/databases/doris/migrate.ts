/** Creates the tables in Apache Doris. Several processes may do so concurrently. */
import { SinkError } from '../../errors.ts';
import type { Migration } from '../driver.ts';
import { readMigrations } from '../migrations-folder.ts';
import { DorisDsnError, type DorisTarget, readDorisDsn } from './dsn.ts';
import { type DorisSession, openSession } from './session.ts';
import { DORIS_TABLES } from './tables.ts';

const CONNECT_TIMEOUT_MS = 5_000;
/** For one statement: Doris creates the tablets of a table while it runs. */
const TIMEOUT_MS = 60_000;

const JOURNAL = 'wado_consumer_migrations';
const CREATE_JOURNAL = `CREATE TABLE IF NOT EXISTS \`${JOURNAL}\` (
  \`name\` varchar(128) NOT NULL
)
UNIQUE KEY(\`name\`)
DISTRIBUTED BY HASH(\`name\`) BUCKETS 1
PROPERTIES ("replication_num" = "\${replication_num}")`;

/** Options of a migration. */
export interface MigrateDorisOptions {
  /** The sink's name in errors [`doris`]. */
  readonly name?: string;
  /** Connect timeout per FE in milliseconds [5000]. */
  readonly connectTimeoutMs?: number;
  /** Changes nothing [false]. */
  readonly dryRun?: boolean;
}

/**
 * Applies the missing migrations of `drizzle/doris` and resolves to them; all of them when somebody has dropped a table. A second run applies
 * none. Doris has no lock and no transaction for
 * DDL: every statement has IF NOT EXISTS, so that several processes may run the same one. Rejects with a SinkError.
 */
export async function migrateDoris(dsn: string, options: MigrateDorisOptions = {}): Promise<readonly Migration[]> {
  const name = options.name ?? 'doris';
  const target = parseDsn(dsn, name);
  const session = await openSession(target, {
    name,
    operation: 'migrate',
    connectTimeoutMs: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    timeoutMs: TIMEOUT_MS,
  });
  try {
    const missing = await pending(session, target);
    if (options.dryRun !== true && missing.length > 0) await applyAll(session, target, missing);
    return missing;
  } finally {
    session.close();
  }
}

async function applyAll(session: DorisSession, target: DorisTarget, missing: readonly Migration[]): Promise<void> {
  await session.query(filled(CREATE_JOURNAL, target));
  for (const { name, statements } of missing) {
    for (const statement of statements) await session.query(statement);
    await session.query(`insert into \`${JOURNAL}\` (\`name\`) values (?)`, [name]);
  }
}

async function pending(session: DorisSession, target: DorisTarget): Promise<readonly Migration[]> {
  const names = await appliedNames(session, target.database);
  return readMigrations('doris')
    .filter(({ name }) => !names.has(name))
    .map(({ name, statements }) => ({ name, statements: statements.map((statement) => filled(statement, target)) }));
}

/** The recorded migrations; none when somebody has dropped a table that they made, so that they are applied again. */
async function appliedNames(session: DorisSession, database: string): Promise<ReadonlySet<string>> {
  for (const table of [JOURNAL, ...DORIS_TABLES.map(({ name }) => name)]) {
    const [found] = await session.query(
      'select table_name as name from information_schema.tables where table_schema = ? and table_name = ?',
      [database, table],
    );
    if (found === undefined) return new Set();
  }
  return new Set((await session.query(`select \`name\` from \`${JOURNAL}\``)).map(({ name }) => String(name)));
}

function filled(statement: string, { replicationNum }: DorisTarget): string {
  return statement.replaceAll(`\${replication_num}`, String(replicationNum));
}

/** Reads a DSN. A wrong form is a SinkError `misconfigured`. */
export function parseDsn(dsn: string, name: string): DorisTarget {
  try {
    return readDorisDsn(dsn);
  } catch (error) {
    const wrong = error instanceof DorisDsnError;
    throw new SinkError(name, wrong ? 'misconfigured' : 'unavailable', wrong ? 'invalid_dsn' : 'tls_ca_unreadable', {
      operation: 'connect',
      cause: error,
    });
  }
}
