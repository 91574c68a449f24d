/** The MySQL sink: stores waiting batches in the three tables of docs/contract.md with one transaction. */
import type { Sink } from '../../ports.ts';
import { createDatabaseSink, currentDsn, type SqlSinkOptions, withDefaults } from '../database-sink.ts';
import { openMysql } from './connection.ts';
import { migrateMysql } from './migrate.ts';
import { verifyMysql } from './verify.ts';
import { createMysqlWriter } from './writer.ts';

/** `dsn`: `mysql://user:password@host:port/database?ssl-mode=…` or Go's form, as `readMysqlDsn` describes. */
export type MysqlSinkOptions = SqlSinkOptions;

/**
 * `connect()` migrates if configured and checks the server's settings, tables, columns, keys and privileges. `write()` resolves after
 * COMMIT. Every error is a SinkError, classified according to docs/dispositions.md.
 */
export function createMysqlSink(options: MysqlSinkOptions): Sink {
  const settings = withDefaults(options);
  const { name, connectTimeoutMs, statementTimeoutMs } = settings;
  const open = async () => openMysql({ name, dsn: currentDsn(options), connectTimeoutMs, statementTimeoutMs });
  return createDatabaseSink(settings, {
    migrate: () => migrateMysql(currentDsn(options), { name, connectTimeoutMs }),
    async checkSchema() {
      const connection = await open();
      try {
        await verifyMysql(connection, name);
      } finally {
        await connection.close();
      }
    },
    createWriter: () => createMysqlWriter({ name, open }),
  });
}
