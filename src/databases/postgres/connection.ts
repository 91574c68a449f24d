/** One PostgreSQL connection with a deadline on everything. The only place that imports the driver. */
import { Socket } from 'node:net';
import pg from 'pg';
import { SinkError } from '../../errors.ts';
import { DsnError, type PostgresAddress, readPostgresDsn } from './dsn.ts';
import { classifyPostgresError, type PostgresFailure } from './errors.ts';

export interface PostgresConnectionOptions {
  /** The sink's name, for errors. */
  readonly name: string;
  readonly dsn: string;
  /** Milliseconds until a connection stands: name look-up, TCP, TLS, log-in and the session's settings. */
  readonly connectTimeoutMs: number;
  /** Milliseconds that a statement may take in all. The server gives up a little earlier than we do. */
  readonly statementTimeoutMs: number;
}

export interface PostgresStatement {
  readonly text: string;
  /** With a name the server prepares it once per connection. */
  readonly name?: string;
  readonly values?: readonly unknown[];
}

/** A failed statement: a SinkError, with the constraint that was violated where there is one (an identifier, no value). */
export class PostgresStatementError extends SinkError {
  readonly constraint: { readonly schema: string; readonly name: string } | undefined;

  constructor(sink: string, failure: PostgresFailure, error: unknown) {
    super(sink, failure.code, failure.detail);
    this.constraint =
      error instanceof pg.DatabaseError && error.schema !== undefined && error.constraint !== undefined
        ? { schema: error.schema, name: error.constraint }
        : undefined;
  }
}

export interface PostgresConnection {
  /** False once it has failed or timed out: such a connection is never used again. */
  readonly usable: boolean;
  /** The driver's client, for libraries that want one. */
  readonly client: pg.Client;
  /** Runs one statement. Rejects with a PostgresStatementError that carries no message of the server's. */
  query(statement: PostgresStatement): Promise<readonly Record<string, unknown>[]>;
  /** Says goodbye; cuts the line when the server doesn't answer. */
  close(): Promise<void>;
  /** Cuts the line: whatever waits for an answer fails at once. */
  destroy(): void;
}

const KEEP_ALIVE_AFTER_MS = 10_000;
const GOODBYE_MS = 1_000;

/** Opens a connection, or rejects with a SinkError. */
export async function openPostgres(options: PostgresConnectionOptions): Promise<PostgresConnection> {
  const address = addressOf(options);
  try {
    return await open(options, address, address.ssl);
  } catch (error) {
    if (!address.plainIfRefused || !(error instanceof SinkError) || error.detail !== 'tls_not_supported') throw error;
    return open(options, address, false);
  }
}

function addressOf(options: PostgresConnectionOptions): PostgresAddress {
  try {
    return readPostgresDsn(options.dsn);
  } catch (error) {
    if (error instanceof DsnError) throw new SinkError(options.name, 'misconfigured', 'invalid_dsn');
    const failure = classifyPostgresError(error);
    throw new SinkError(options.name, failure.code, failure.detail);
  }
}

async function open(
  options: PostgresConnectionOptions,
  address: PostgresAddress,
  ssl: PostgresAddress['ssl'],
): Promise<PostgresConnection> {
  // Our own socket, so that it can be cut: the driver's end() waits for an answer that may never come.
  const socket = new Socket();
  const client = new pg.Client({
    connectionString: address.connectionString,
    ssl,
    stream: () => socket,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_AFTER_MS,
    fallback_application_name: 'wado-consumer',
  });
  const connection = new LiveConnection(options, client, socket);
  await connection.start();
  return connection;
}

class LiveConnection implements PostgresConnection {
  readonly client: pg.Client;
  readonly #options: PostgresConnectionOptions;
  readonly #socket: Socket;
  #usable = true;

  constructor(options: PostgresConnectionOptions, client: pg.Client, socket: Socket) {
    this.#options = options;
    this.#socket = socket;
    this.client = client;
    // Without a listener the error of an idle connection would end the process.
    client.on('error', () => this.destroy());
    client.on('end', () => this.destroy());
  }

  get usable(): boolean {
    return this.#usable;
  }

  async start(): Promise<void> {
    const { connectTimeoutMs, statementTimeoutMs } = this.#options;
    try {
      await this.#within(connectTimeoutMs, 'connect_timeout', async () => {
        await this.client.connect();
        await this.client.query(sessionSettings(statementTimeoutMs));
      });
    } catch (error) {
      this.destroy();
      const failure = this.#failure(error);
      // No row has been sent yet: what the server refuses now is a setting, and a deadline missed means that it is away.
      const code =
        failure.code === 'rejected' ? 'misconfigured' : failure.code === 'timeout' ? 'unavailable' : failure.code;
      throw new SinkError(this.#options.name, code, failure.detail);
    }
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
      // The server has refused a row or given way to another transaction, and said so: nothing is wrong with the line.
      if (failure.code !== 'rejected' && failure.code !== 'conflict') this.destroy();
      throw new PostgresStatementError(this.#options.name, failure, error);
    }
  }

  async close(): Promise<void> {
    if (!this.#usable) return;
    this.#usable = false;
    await this.#within(GOODBYE_MS, 'client_deadline', () => this.client.end()).catch(() => undefined);
    this.#socket.destroy();
  }

  destroy(): void {
    this.#usable = false;
    this.#socket.destroy();
  }

  #failure(error: unknown): PostgresFailure {
    return error instanceof SinkError ? error : classifyPostgresError(error);
  }

  async #within<T>(ms: number, detail: string, work: () => Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        this.destroy();
        reject(new SinkError(this.#options.name, 'timeout', detail));
      }, ms);
    });
    try {
      return await Promise.race([work(), deadline]);
    } finally {
      clearTimeout(timer);
    }
  }
}

/**
 * The server's own deadline lies below ours, so that a slow statement ends by its answer and only a silent line by ours.
 * synchronous_commit=off would let the server acknowledge rows that a crash can still lose; stricter settings stay. array_nulls=off would
 * have it take the nulls of a row for texts.
 */
function sessionSettings(statementTimeoutMs: number): string {
  const serverMs = Math.max(1, Math.floor(statementTimeoutMs * 0.95));
  return (
    `set statement_timeout = ${serverMs};set array_nulls = on;` +
    `select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') = 'off'`
  );
}
