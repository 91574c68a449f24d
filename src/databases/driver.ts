/** The interface of a database driver. Everything specific to one database is behind it, in a folder of its own. */
import type { Sink } from '../ports.ts';

/** The settings of a database sink. */
export interface DatabaseSinkOptions {
  /** The node's name in errors and metrics. */
  readonly name: string;
  /** Read at every new connection, so that a rotated secret is used. */
  readonly dsn: () => string;
  /** Number of connections that write concurrently. */
  readonly connections: number;
  /** Whether connect() applies missing migrations. */
  readonly migrate: boolean;
  /** Statement timeout in milliseconds. */
  readonly statementTimeoutMs: number;
  /** Whether statements are prepared once per connection; false behind a pooler in transaction mode [true]. */
  readonly prepare?: boolean;
  /** Consecutive refusals for the same reason after which the database counts as out of order [20]. */
  readonly refusedInARow?: number;
}

/** What tools and documents need to know about a database. */
export interface DatabaseDescription {
  /** `PostgreSQL` */
  readonly title: string;
  /** Paths of the schema and the migrations for drizzle-kit, relative to the repository's root. */
  readonly migrations: {
    readonly dialect: 'postgresql' | 'mysql';
    readonly schema: string;
    readonly out: string;
  };
}

/** A database in `registry.ts`. Its client library is loaded only when a sink connects or a migration runs. */
export interface DatabaseDriver {
  readonly description: DatabaseDescription;
  /** Returns what is wrong with the form of a DSN, or undefined. Opens nothing. The text contains no part of the DSN. */
  checkDsn(dsn: string): string | undefined;
  /** Creates a sink; nothing connects yet. */
  createSink(options: DatabaseSinkOptions): Sink;
  /**
   * Creates or updates the tables and resolves to the number of migrations applied: 0 on the second run. Rejects with a SinkError
   * that carries `name`.
   */
  migrate(dsn: string, name: string): Promise<number>;
}
