/** One PostgreSQL connection. Every operation has a deadline. Only this file imports the driver. */
import { Socket } from 'node:net';
import pg from 'pg';
import { SinkError, type SinkOperation } from '../../errors.ts';
import { withDeadline } from '../deadline.ts';
import { StatementError, TABLE_KINDS, type TableKind } from '../statement-error.ts';
import { mayHaveValue } from '../table-rules.ts';
import { DsnError, type PostgresAddress, type PostgresTarget, readPostgresDsn, type TargetSession } from './dsn.ts';
import { classifyPostgresError, isTooLarge, type PostgresFailure } from './errors.ts';
import { Pipeline, type PipelineStep } from './pipeline.ts';
import { WRITTEN_TABLES } from './write-statement.ts';

/** How to connect. */
export interface PostgresConnectionOptions {
  /** The sink's name, for errors. */
  readonly name: string;
  readonly dsn: string;
  /** Connect timeout per host in milliseconds: DNS, TCP, TLS, login and session settings. */
  readonly connectTimeoutMs: number;
  /** Statement timeout in milliseconds, network included. The server's statement_timeout is 5 % shorter. */
  readonly statementTimeoutMs: number;
  /** The operation that errors name [write]. */
  readonly operation?: SinkOperation;
  /**
   * Whether no other client shares the session [true]. Behind a pooler in transaction mode, others do: the settings are then made in each
   * write's transaction, so that they always apply and don't affect other clients.
   */
  readonly ownSession?: boolean;
}

/** A statement and its parameters. */
export interface PostgresStatement {
  readonly text: string;
  /** A statement with a name is prepared once per connection. */
  readonly name?: string;
  readonly values?: readonly unknown[];
}

/** A failed statement, with the server's identifiers of table, column and constraint, without values or messages. */
export class PostgresStatementError extends StatementError {
  readonly constraint: { readonly schema: string; readonly name: string } | undefined;

  constructor(sink: string, failure: PostgresFailure, operation: SinkOperation, address: string, error: unknown) {
    // The error of a rejected row goes into its dead letter, which must not contain the server's address.
    super(sink, failure.code, failure.detail, {
      operation,
      ...(failure.code === 'rejected' ? {} : { address }),
      table: tableOf(error),
      place: placeOf(error),
      about: isAboutValue(failure.detail) ? 'value' : isNullOfTable(failure.detail, error) ? 'table' : 'rule',
      tooLarge: isTooLarge(failure.detail),
    });
    this.constraint =
      error instanceof pg.DatabaseError && error.schema !== undefined && error.constraint !== undefined
        ? { schema: error.schema, name: error.constraint }
        : undefined;
  }
}

/** The table that the server named; undefined for a partition, which the server names by its own name. */
function tableOf(error: unknown): TableKind | undefined {
  const name = error instanceof pg.DatabaseError ? error.table : undefined;
  return TABLE_KINDS.find((kind) => name === `dicom_${kind}_meta`);
}

/** `table.column`, `table constraint` or `table`, depending on what the server named. */
function placeOf(error: unknown): string | undefined {
  if (!(error instanceof pg.DatabaseError) || error.table === undefined) return undefined;
  if (error.column !== undefined) return `${error.table}.${error.column}`;
  return error.constraint === undefined ? error.table : `${error.table} ${error.constraint}`;
}

// Data exceptions, size limits and unique violations concern this value only. Other refusals may concern every row.
function isAboutValue(sqlState: string): boolean {
  return /^(21|22|54)/.test(sqlState) || sqlState === '23505';
}

const NOT_NULL_VIOLATION = '23502';

// Only where the server names one of our tables: behind a view, the columns have other names.
function isNullOfTable(sqlState: string, error: unknown): boolean {
  if (sqlState !== NOT_NULL_VIOLATION || !(error instanceof pg.DatabaseError)) return false;
  const { table: name, column } = error;
  const table = WRITTEN_TABLES.find((written) => written.name === name);
  return table !== undefined && column !== undefined && !mayHaveValue(table.columns, column);
}

/** A connection with the session settings that a write needs. */
export interface PostgresConnection {
  /** False once it has failed or timed out. It must not be used again. */
  readonly usable: boolean;
  /** Whether the server takes COPY FROM STDIN. PGlite doesn't answer it. */
  readonly takesCopy: boolean;
  /** The driver's client, for libraries that need one. */
  readonly client: pg.Client;
  /** Runs one statement. Rejects with a PostgresStatementError, which doesn't contain the server's message. */
  query(statement: PostgresStatement): Promise<readonly Record<string, unknown>[]>;
  /** Runs one statement that writes, with the settings that a write needs. */
  write(statement: PostgresStatement): Promise<void>;
  /**
   * Runs the statements of one transaction in one round trip; only for a session that no other client shares. Resolves to undefined when they
   * are committed, or to the server's error, after which the session can still be used. Rejects with a PostgresStatementError.
   */
  pipeline(steps: readonly PipelineStep[]): Promise<PostgresStatementError | undefined>;
  /** Ends the session. Closes the socket if the server doesn't answer within a second. */
  close(): Promise<void>;
  /** Closes the socket, so that a statement in progress fails at once. */
  destroy(): void;
}

const KEEP_ALIVE_AFTER_MS = 10_000;
/** Grace period for the server to end a session. */
const CLOSE_TIMEOUT_MS = 1_000;

/**
 * Connects to the first host of the DSN that answers and meets `target_session_attrs`. Rejects with a SinkError that names every host
 * tried.
 */
export async function openPostgres(options: PostgresConnectionOptions): Promise<PostgresConnection> {
  const { addresses, session } = targetOf(options);
  const failures: SinkError[] = [];
  for (const address of addresses) {
    try {
      return await openAddress(options, address, session);
    } catch (error) {
      if (!(error instanceof SinkError)) throw error;
      failures.push(error);
    }
  }
  throw allRefused(options.name, failures);
}

async function openAddress(
  options: PostgresConnectionOptions,
  address: PostgresAddress,
  session: TargetSession,
): Promise<PostgresConnection> {
  try {
    return await open(options, address, address.ssl, session);
  } catch (error) {
    if (!address.plainIfRefused || !(error instanceof SinkError) || error.detail !== 'tls_not_supported') throw error;
    return open(options, address, false, session);
  }
}

/** One error for all hosts: `unavailable`, and so retried, if any of the hosts is. */
function allRefused(name: string, failures: readonly SinkError[]): SinkError {
  const [first] = failures;
  if (first !== undefined && failures.length === 1) return first;
  const code = failures.some((failure) => failure.code === 'unavailable') ? 'unavailable' : (first?.code ?? 'unknown');
  const detail = failures.map((failure) => `${failure.detail} ${failure.address ?? ''}`.trim()).join(', ');
  return new SinkError(name, code, detail, { operation: 'connect' });
}

function targetOf(options: PostgresConnectionOptions): PostgresTarget {
  try {
    return readPostgresDsn(options.dsn);
  } catch (error) {
    const failure: PostgresFailure =
      error instanceof DsnError ? { code: 'misconfigured', detail: 'invalid_dsn' } : classifyPostgresError(error);
    throw new SinkError(options.name, failure.code, failure.detail, { operation: 'connect' });
  }
}

async function open(
  options: PostgresConnectionOptions,
  address: PostgresAddress,
  ssl: PostgresAddress['ssl'],
  session: TargetSession,
): Promise<PostgresConnection> {
  // Our own socket, so that it can be closed at once: the driver's end() waits for the server.
  const socket = new Socket();
  const client = new pg.Client({
    connectionString: address.connectionString,
    ssl,
    stream: () => socket,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_AFTER_MS,
    fallback_application_name: 'wado-consumer',
  });
  const connection = new LiveConnection(options, address.name, client, socket);
  await connection.start(session);
  return connection;
}

class LiveConnection implements PostgresConnection {
  readonly client: pg.Client;
  readonly #options: PostgresConnectionOptions;
  readonly #address: string;
  readonly #operation: SinkOperation;
  readonly #ownSession: boolean;
  readonly #socket: Socket;
  #usable = true;
  #takesCopy = false;

  constructor(options: PostgresConnectionOptions, address: string, client: pg.Client, socket: Socket) {
    this.#options = options;
    this.#address = address;
    this.#operation = options.operation ?? 'write';
    this.#ownSession = options.ownSession ?? true;
    this.#socket = socket;
    this.client = client;
    // Without a listener, an error of an idle connection would end the process.
    client.on('error', () => this.destroy());
    client.on('end', () => this.destroy());
  }

  get usable(): boolean {
    return this.#usable;
  }

  get takesCopy(): boolean {
    return this.#takesCopy;
  }

  async start(session: TargetSession): Promise<void> {
    const { connectTimeoutMs, statementTimeoutMs } = this.#options;
    try {
      await this.#within(connectTimeoutMs, 'connect_timeout', async () => {
        await this.client.connect();
        if (this.#ownSession) await this.client.query(settings(statementTimeoutMs, 'session'));
        await this.#requireSession(session);
        const { rows } = await this.client.query<{ version: string }>('select version() as version');
        this.#takesCopy = rows[0]?.version.includes('PGlite') === false;
      });
    } catch (error) {
      this.destroy();
      const failure = this.#failure(error);
      // No row has been sent yet, so a refusal concerns a setting, and a timeout means that the server is unreachable.
      const code =
        failure.code === 'rejected' ? 'misconfigured' : failure.code === 'timeout' ? 'unavailable' : failure.code;
      throw new SinkError(this.#options.name, code, failure.detail, { operation: 'connect', address: this.#address });
    }
  }

  /** Checks the session against `target_session_attrs`, as libpq defines it. */
  async #requireSession(session: TargetSession): Promise<void> {
    if (session === 'any') return;
    const { rows } = await this.client.query<{ standby: boolean; read_only: boolean }>(SESSION_KIND);
    const [kind] = rows;
    if (kind?.standby === true) throw new SinkError(this.#options.name, 'unavailable', 'standby');
    if (session === 'read-write' && kind?.read_only === true)
      throw new SinkError(this.#options.name, 'unavailable', 'read_only');
  }

  async query(statement: PostgresStatement): Promise<readonly Record<string, unknown>[]> {
    const { name, text, values = [] } = statement;
    try {
      const result = await this.#within(this.#options.statementTimeoutMs, 'client_deadline', () =>
        this.client.query<Record<string, unknown>>({
          text,
          values: [...values],
          ...(name === undefined ? {} : { name }),
        }),
      );
      return result.rows;
    } catch (error) {
      const failure = this.#failure(error);
      if (!leavesSessionIntact(failure)) this.destroy();
      throw new PostgresStatementError(this.#options.name, failure, this.#operation, this.#address, error);
    }
  }

  async write(statement: PostgresStatement): Promise<void> {
    if (this.#ownSession) {
      await this.query(statement);
      return;
    }
    await this.query({ text: `begin;${settings(this.#options.statementTimeoutMs, 'local')}` });
    try {
      await this.query(statement);
    } catch (error) {
      if (this.#usable) await this.query({ text: 'rollback' });
      throw error;
    }
    await this.query({ text: 'commit' });
  }

  async pipeline(steps: readonly PipelineStep[]): Promise<PostgresStatementError | undefined> {
    try {
      await this.#within(this.#options.statementTimeoutMs, 'client_deadline', () => this.#runPipeline(steps));
      return undefined;
    } catch (error) {
      const failure = this.#failure(error);
      const statementError = new PostgresStatementError(
        this.#options.name,
        failure,
        this.#operation,
        this.#address,
        error,
      );
      const isAnswer = error instanceof pg.DatabaseError;
      if (isAnswer && (failure.code !== 'unavailable' || leavesSessionIntact(failure))) return statementError;
      this.destroy();
      throw statementError;
    }
  }

  #runPipeline(steps: readonly PipelineStep[]): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (error: unknown) => (error === undefined ? resolve() : reject(error));
      this.client.query(new Pipeline(steps, settle) as unknown as pg.Submittable);
    });
  }

  async close(): Promise<void> {
    if (!this.#usable) return;
    this.#usable = false;
    await this.#within(CLOSE_TIMEOUT_MS, 'client_deadline', () => this.client.end()).catch(() => undefined);
    this.#socket.destroy();
  }

  destroy(): void {
    this.#usable = false;
    this.#socket.destroy();
  }

  #failure(error: unknown): PostgresFailure {
    return error instanceof SinkError ? error : classifyPostgresError(error);
  }

  #within<T>(ms: number, detail: string, work: () => Promise<T>): Promise<T> {
    const expired = () => {
      this.destroy();
      const context = { operation: this.#operation, address: this.#address };
      return new SinkError(this.#options.name, 'timeout', detail, context);
    };
    return withDeadline(ms, expired, work);
  }
}

const SESSION_KIND =
  "select pg_is_in_recovery() as standby, current_setting('default_transaction_read_only') = 'on' as read_only";

/**
 * statement_timeout is shorter than our deadline, so that the server ends a slow statement and our deadline ends a dead connection. A
 * shorter lock_timeout of the database or the role is kept. synchronous_commit=off would acknowledge rows that a crash can still lose;
 * stricter settings are kept. array_nulls=off would read the nulls of a row as text.
 */
function settings(statementTimeoutMs: number, scope: 'session' | 'local'): string {
  const serverMs = Math.max(1, Math.floor(statementTimeoutMs * 0.95));
  const lockMs = Math.min(LOCK_TIMEOUT_MS, Math.max(1, Math.floor(serverMs / 4)));
  const isLocal = scope === 'local';
  return (
    `set ${scope} statement_timeout = ${serverMs};set ${scope} array_nulls = on;` +
    `select set_config('synchronous_commit', 'on', ${isLocal}) where current_setting('synchronous_commit') = 'off';` +
    `select set_config('lock_timeout', '${lockMs}', ${isLocal}) from pg_settings ` +
    `where name = 'lock_timeout' and setting::int not between 1 and ${lockMs}`
  );
}

/** In milliseconds. A statement that waits longer for a row lock is divided, so that its other rows don't wait too. */
const LOCK_TIMEOUT_MS = 2_000;

/** Whether the server answered the failed statement and the session can still be used. */
function leavesSessionIntact({ code, detail }: PostgresFailure): boolean {
  return code === 'rejected' || code === 'conflict' || INTACT_AFTER.has(detail);
}

// 57014: the statement was cancelled. 26000, 42P05: the pooler has changed the server connection.
const INTACT_AFTER: ReadonlySet<string> = new Set(['57014', '26000', '42P05']);
