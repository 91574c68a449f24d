/** The part of a database sink that does not depend on the database: group commit, schema check, migration at start. */
import { SinkError } from '../errors.ts';
import type { Sink } from '../ports.ts';
import type { DatabaseWriter } from './database-writer.ts';
import type { DatabaseSinkOptions } from './driver.ts';
import { createGroupCommit, type GroupCommitOptions } from './group-commit.ts';

/** The options of every database's sink. */
export interface CommonSinkOptions
  extends Pick<DatabaseSinkOptions, 'name' | 'dsn'>,
    Partial<Omit<DatabaseSinkOptions, 'name' | 'dsn' | 'options'>> {
  /** How long a refused record waits until another one is accepted, in milliseconds [10000]. */
  readonly holdMs?: number;
  /** Connect timeout per server in milliseconds [5000]. */
  readonly connectTimeoutMs?: number;
}

/** The options of the sink of a database that stores records with SQL statements. */
export interface SqlSinkOptions extends CommonSinkOptions {
  /** Maximum number of records in one statement [2000]. */
  readonly maxRows?: number;
  /** Maximum size of the rows in one statement, in bytes [8 MiB]. A single record may exceed it. */
  readonly maxBytes?: number;
}

const CONNECTIONS = 2;
const CONNECT_TIMEOUT_MS = 5_000;
const STATEMENT_TIMEOUT_MS = 20_000;

/** The options with the defaults that every sink needs. */
export function withDefaults<Options extends CommonSinkOptions>(options: Options) {
  return {
    ...options,
    connections: options.connections ?? CONNECTIONS,
    migrate: options.migrate ?? false,
    statementTimeoutMs: options.statementTimeoutMs ?? STATEMENT_TIMEOUT_MS,
    connectTimeoutMs: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
  };
}

/** What a database provides to its sink. Every error is a SinkError, classified according to docs/dispositions.md. */
export interface DatabaseClient {
  /** Applies the missing migrations. */
  migrate(): Promise<unknown>;
  /** Rejects with a SinkError `misconfigured` that names the table, the column and what to do if the tables don't fit. */
  checkSchema(): Promise<void>;
  /** Creates a writer; it connects at its first statement. */
  createWriter(): DatabaseWriter;
}

/** The settings of a database sink that no database interprets, and the limits of its group commit. */
export interface DatabaseSinkSettings extends Omit<GroupCommitOptions, 'writers' | 'checkSchema'> {
  /** Number of writers. */
  readonly connections: number;
  /** Whether connect() applies missing migrations. */
  readonly migrate: boolean;
}

/**
 * `connect()` migrates if configured and checks the tables. `write()` resolves when the writers have stored the batch durably, to the
 * records that the database can never accept.
 */
export function createDatabaseSink(settings: DatabaseSinkSettings, client: DatabaseClient): Sink {
  const commits = createGroupCommit({
    ...settings,
    writers: Array.from({ length: settings.connections }, () => client.createWriter()),
    checkSchema: () => client.checkSchema(),
  });
  return {
    name: settings.name,
    storesByVersion: true,
    async connect() {
      if (settings.migrate) await client.migrate();
      await client.checkSchema();
    },
    write: (batch) => commits.write(batch),
    close: () => commits.close(),
  };
}

/** The DSN to connect with. A secret file may be missing while it is replaced: the SinkError `unavailable` is retried. */
export function currentDsn({ name, dsn }: { readonly name: string; readonly dsn: () => string }): string {
  try {
    return dsn();
  } catch {
    throw new SinkError(name, 'unavailable', 'dsn_unreadable', { operation: 'connect' });
  }
}
