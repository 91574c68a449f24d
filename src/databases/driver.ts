/** What a kind of database brings: everything that differs between databases is behind this interface, in one folder each. */
import type { Sink } from '../ports.ts';

export interface DatabaseSinkOptions {
  /** The node's name, in errors and metrics. */
  readonly name: string;
  /** Read at every new connection, so that a rotated secret is used. */
  readonly dsn: () => string;
  /** Connections that write side by side. */
  readonly connections: number;
  /** Whether connect() brings the tables up to date. */
  readonly migrate: boolean;
  /** Milliseconds that a statement may take. */
  readonly statementTimeoutMs: number;
  /** Whether statements are prepared once per connection; not through a pooler in transaction mode [true]. */
  readonly prepare?: boolean;
  /** This many rows refused one after the other for one reason, and the database is out of order [20]. */
  readonly refusedInARow?: number;
}

/** What the tools and documents need to know of a database. */
export interface DatabaseDescription {
  /** `PostgreSQL` */
  readonly title: string;
  /** Where drizzle-kit finds the schema and writes the migrations, from the repository's root. */
  readonly migrations: {
    readonly dialect: 'postgresql' | 'mysql';
    readonly schema: string;
    readonly out: string;
  };
}

/** The entry of a database in `registry.ts`. It loads the client's library only when a sink connects or a migration runs. */
export interface DatabaseDriver {
  readonly description: DatabaseDescription;
  /** What is wrong with a DSN's form, or undefined. Opens nothing; the text never repeats a part of the DSN. */
  checkDsn(dsn: string): string | undefined;
  createSink(options: DatabaseSinkOptions): Sink;
  /**
   * Creates or updates the tables and resolves to the number of migrations applied: 0 on the second run. Rejects with a SinkError
   * that carries `name`.
   */
  migrate(dsn: string, name: string): Promise<number>;
}
