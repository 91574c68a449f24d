/** The PostgreSQL sink: stores waiting batches in the three tables of docs/contract.md with one statement. */
import type { Sink } from '../../ports.ts';
import { createDatabaseSink, currentDsn, type SqlSinkOptions, withDefaults } from '../database-sink.ts';
import { openPostgres } from './connection.ts';
import { migratePostgres } from './migrate.ts';
import { verifyPostgres } from './verify.ts';
import { createPostgresWriter } from './writer.ts';

/** `dsn`: `postgres://user:password@host:port/database?sslmode=…`, as `readPostgresDsn` describes. */
export interface PostgresSinkOptions extends SqlSinkOptions {
  /** Whether statements are prepared once per connection; false behind a pooler in transaction mode [true]. */
  readonly prepare?: boolean;
  /** Whether new rows are stored with COPY, which needs prepared statements [true]. */
  readonly copy?: boolean;
}

/**
 * `connect()` migrates if configured and checks the encoding, tables, columns, keys and privileges. `write()` resolves after COMMIT. Every
 * error is a SinkError, classified according to docs/dispositions.md.
 */
export function createPostgresSink(options: PostgresSinkOptions): Sink {
  const settings = withDefaults(options);
  const { name, prepare = true, copy = true, connectTimeoutMs, statementTimeoutMs } = settings;
  const open = async () =>
    openPostgres({ name, dsn: currentDsn(options), connectTimeoutMs, statementTimeoutMs, ownSession: prepare });
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
    createWriter: () => createPostgresWriter({ name, open, prepare, copy }),
  });
}
