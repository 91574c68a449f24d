/** The PostgreSQL sink: stores waiting batches in the three tables of docs/contract.md with one statement. */
import type { Sink } from '../../ports.ts';
import { createDatabaseSink, currentDsn } from '../database-sink.ts';
import type { DatabaseSinkOptions } from '../driver.ts';
import { openPostgres } from './connection.ts';
import { migratePostgres } from './migrate.ts';
import { verifyPostgres } from './verify.ts';
import { createPostgresWriter } from './writer.ts';

/** `dsn`: `postgres://user:password@host:port/database?sslmode=…`, as `readPostgresDsn` describes. */
export interface PostgresSinkOptions
  extends Pick<DatabaseSinkOptions, 'name' | 'dsn'>,
    Partial<Omit<DatabaseSinkOptions, 'name' | 'dsn' | 'options'>> {
  /** Whether statements are prepared once per connection; false behind a pooler in transaction mode [true]. */
  readonly prepare?: boolean;
  /** Maximum number of records in one statement [2000]. */
  readonly maxRows?: number;
  /** Maximum size of the rows in one statement, in bytes [8 MiB]. A single record may exceed it. */
  readonly maxBytes?: number;
  /** How long a refused record waits until another one is accepted, in milliseconds [10000]. */
  readonly holdMs?: number;
  /** Connect timeout per host in milliseconds [5000]. */
  readonly connectTimeoutMs?: number;
}

const CONNECTIONS = 2;
const CONNECT_TIMEOUT_MS = 5_000;
const STATEMENT_TIMEOUT_MS = 20_000;

/**
 * `connect()` migrates if configured and checks the encoding, tables, columns, keys and privileges. `write()` resolves after COMMIT. Every
 * error is a SinkError, classified according to docs/dispositions.md.
 */
export function createPostgresSink(options: PostgresSinkOptions): Sink {
  const { name, prepare = true } = options;
  const connectTimeoutMs = options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS;
  const statementTimeoutMs = options.statementTimeoutMs ?? STATEMENT_TIMEOUT_MS;
  const open = async () =>
    openPostgres({ name, dsn: currentDsn(options), connectTimeoutMs, statementTimeoutMs, ownSession: prepare });
  const settings = {
    ...options,
    statementTimeoutMs,
    connections: options.connections ?? CONNECTIONS,
    migrate: options.migrate ?? false,
  };
  return createDatabaseSink(settings, {
    migrate: () => migratePostgres(currentDsn(options), { name, connectTimeoutMs }),
    async checkSchema() {
      const connection = await open();
      try {
        await verifyPostgres(connection, name);
      } finally {
        await connection.close();
      }
    },
    createWriter: () => createPostgresWriter({ name, open, prepare }),
  });
}
