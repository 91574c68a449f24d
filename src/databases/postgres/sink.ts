/** The PostgreSQL sink: the three tables of docs/contract.md, one statement for everything that waits. */
import { SinkError } from '../../errors.ts';
import type { Sink } from '../../ports.ts';
import { createGroupCommit } from '../group-commit.ts';
import { openPostgres, type PostgresConnection } from './connection.ts';
import { migratePostgres } from './migrate.ts';
import { verifyPostgres } from './verify.ts';
import { createPostgresLane } from './writer.ts';

export interface PostgresSinkOptions {
  /** The node's name, in errors and metrics. */
  readonly name: string;
  /** `postgres://user:password@host:port/database?sslmode=…`; read at every new connection, so that a rotated secret is used. */
  readonly dsn: () => string;
  /** Connections that write side by side [2]. */
  readonly connections?: number;
  /** The most records in one statement [2000]. */
  readonly maxRows?: number;
  /** The most bytes in one statement [8 MiB]; a single record may exceed it. */
  readonly maxBytes?: number;
  /** Milliseconds that a statement may take [20000]; the server's own deadline is 5 % shorter. */
  readonly statementTimeoutMs?: number;
  /** Milliseconds for a connection to one host of the DSN [5000]. */
  readonly connectTimeoutMs?: number;
  /** Whether connect() brings the tables up to date [false]. */
  readonly migrate?: boolean;
}

/**
 * `connect()` opens a connection, migrates if asked and checks tables, columns, keys and rights. `write()` is acknowledged by COMMIT.
 * Every error is a SinkError, classified as docs/dispositions.md says.
 */
export function createPostgresSink(options: PostgresSinkOptions): Sink {
  const { name, connectTimeoutMs = 5_000, statementTimeoutMs = 20_000 } = options;
  const open = async () => openPostgres({ name, dsn: currentDsn(options), connectTimeoutMs, statementTimeoutMs });
  const commits = createGroupCommit({
    name,
    lanes: Array.from({ length: options.connections ?? 2 }, () => createPostgresLane(name, open)),
    maxRows: options.maxRows ?? 2_000,
    maxBytes: options.maxBytes ?? 8 * 1024 * 1024,
  });

  return {
    name,
    async connect() {
      if (options.migrate) await migratePostgres(currentDsn(options), { name, connectTimeoutMs });
      const connection: PostgresConnection = await open();
      try {
        await verifyPostgres(connection, name);
      } finally {
        await connection.close();
      }
    },
    write: (batch) => commits.write(batch.grouped),
    close: () => commits.close(),
  };
}

// A secret file that is being replaced can be missing for a moment: retry.
function currentDsn({ name, dsn }: PostgresSinkOptions): string {
  try {
    return dsn();
  } catch {
    throw new SinkError(name, 'unavailable', 'dsn_unreadable', { operation: 'connect' });
  }
}
