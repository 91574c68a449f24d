/**
 * The interface of a database driver. Everything specific to one database is behind it, in a folder of its own. A new database is a folder,
 * a line in `registry.ts`, its migrations in `drizzle/` and its documentation.
 */
import type { Sink } from '../ports.ts';
import type { DriverOptions, DriverOptionValues } from './driver-options.ts';

/** The settings of a database sink. */
export interface DatabaseSinkOptions<Options extends DriverOptions = DriverOptions> {
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
  /** Consecutive refusals for the same reason after which the database counts as out of order [20]. */
  readonly refusedInARow?: number;
  /** The values of the driver's own options. */
  readonly options: DriverOptionValues<Options>;
}

/** What tools and documents need to know about a database. */
export interface DatabaseDescription {
  /** `PostgreSQL` */
  readonly title: string;
  /** Paths of the schema and the migrations for drizzle-kit, relative to the repository's root. Undefined if drizzle has no dialect for it. */
  readonly drizzle?: {
    /** drizzle-kit's name of the dialect. */
    readonly dialect: string;
    readonly schema: string;
    readonly out: string;
  };
  /** What to do about the server's own error codes: the first pattern that matches a SinkError's `detail` counts. */
  readonly advice: readonly (readonly [pattern: RegExp, advice: string])[];
}

/** What to migrate and how. */
export interface MigrationRequest<Options extends DriverOptions = DriverOptions> {
  /** The node's name in errors. */
  readonly name: string;
  readonly dsn: string;
  /** The values of the driver's own options. */
  readonly options: DriverOptionValues<Options>;
  /** Changes nothing. */
  readonly dryRun: boolean;
}

/** One migration: a file of `drizzle/`, or what a driver derives from the tables that it found. */
export interface Migration {
  /** `0000_three_tables` */
  readonly name: string;
  /** Its SQL statements in order, each without a semicolon at its end. */
  readonly statements: readonly string[];
}

/** A database in `registry.ts`. Its client library is loaded only when a sink connects or a migration runs. */
export interface DatabaseDriver<Options extends DriverOptions = DriverOptions> {
  readonly description: DatabaseDescription;
  /** The options that only this driver has, by their names in the configuration. */
  readonly options: Options;
  /** Returns what is wrong with the form of a DSN, or undefined. Opens nothing. The text contains no part of the DSN but names of options. */
  checkDsn(dsn: string): string | undefined;
  /**
   * Returns `host:port/database` of a DSN, without user and password; several hosts are separated by commas. Undefined if the DSN can't be
   * split safely, because it holds a password.
   */
  describe(dsn: string): string | undefined;
  /** How long its sink may hold a batch back to write it together with others, in milliseconds. Default: not at all. */
  lingerMs?(options: DriverOptionValues<Options>): number;
  /** Creates a sink; nothing connects yet. */
  createSink(options: DatabaseSinkOptions<Options>): Sink;
  /**
   * Creates or updates the tables and resolves to the migrations that it applied, or with `dryRun` would apply: none on the second run.
   * Several processes may migrate concurrently. Rejects with a SinkError that carries the request's name.
   */
  migrate(request: MigrationRequest<Options>): Promise<readonly Migration[]>;
}
