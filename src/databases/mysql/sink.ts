/** The MySQL sink: stores waiting batches in the three tables of docs/contract.md with one transaction. */
import type { Sink } from '../../ports.ts';
import { createDatabaseSink, currentDsn } from '../database-sink.ts';
import type { DatabaseSinkOptions } from '../driver.ts';
import { openMysql } from './connection.ts';
import { migrateMysql } from './migrate.ts';
import { verifyMysql } from './verify.ts';
import { createMysqlWriter } from './writer.ts';

/** `dsn`: `mysql://user:password@host:port/database?ssl-mode=…` or Go's form, as `readMysqlDsn` describes. */
export interface MysqlSinkOptions
  extends Pick<DatabaseSinkOptions, 'name' | 'dsn'>,
    Partial<Omit<DatabaseSinkOptions, 'name' | 'dsn' | 'options'>> {
  /** Maximum number of records in one statement [2000]. */
  readonly maxRows?: number;
  /** Maximum size of the rows in one statement, in bytes [8 MiB]. A single record may exceed it. */
  readonly maxBytes?: number;
  /** How long a refused record waits until another one is accepted, in milliseconds [10000]. */
  readonly holdMs?: number;
  /** Connect timeout in milliseconds [5000]. */
  readonly connectTimeoutMs?: number;
}

const CONNECTIONS = 2;
const CONNECT_TIMEOUT_MS = 5_000;
const STATEMENT_TIMEOUT_MS = 20_000;

/**
 * `connect()` migrates if configured and checks the server's settings, tables, columns, keys and privileges. `write()` resolves after
 * COMMIT. Every error is a SinkError, classified according to docs/dispositions.md.
 */
export function createMysqlSink(options: MysqlSinkOptions): Sink {
  const { name } = options;
  const connectTimeoutMs = options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS;
  const statementTimeoutMs = options.statementTimeoutMs ?? STATEMENT_TIMEOUT_MS;
  const open = async () => openMysql({ name, dsn: currentDsn(options), connectTimeoutMs, statementTimeoutMs });
  const settings = {
    ...options,
    statementTimeoutMs,
    connections: options.connections ?? CONNECTIONS,
    migrate: options.migrate ?? false,
  };
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
