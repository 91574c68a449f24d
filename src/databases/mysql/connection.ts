/** One connection to MySQL or MariaDB. Every operation has a deadline. Only this file imports the driver. */
import { connect, type Socket } from 'node:net';
import mysql from 'mysql2';
import { SinkError, type SinkOperation } from '../../errors.ts';
import { withDeadline } from '../deadline.ts';
import { DsnError, type MysqlTarget, readMysqlDsn } from './dsn.ts';
import { classifyMysqlError, type MysqlFailure } from './errors.ts';
import { Interrupt, type KillRequest } from './interrupt.ts';
import { SQL_MODE } from './rows.ts';
import { MysqlStatementError } from './statement-error.ts';
import type { Dialect, WrittenTable } from './write-statement.ts';

/** How to connect. */
export interface MysqlConnectionOptions {
  /** The sink's name, for errors. */
  readonly name: string;
  readonly dsn: string;
  /** Connect timeout in milliseconds: DNS, TCP, TLS, login and session settings. */
  readonly connectTimeoutMs: number;
  /** Statement timeout in milliseconds, network included. The server is asked to end a write 10 % before. */
  readonly statementTimeoutMs: number;
  /** The operation that errors name [write]. */
  readonly operation?: SinkOperation;
}

/** What a server says about itself. */
export interface MysqlServer {
  readonly dialect: Dialect;
  /** The largest packet that it accepts, in bytes. */
  readonly maxPacket: number;
}

/** Statements that are sent in one packet. */
export interface MysqlStatements {
  readonly sql: string;
  /** The table of the statement at this position. */
  tableOf(statement: number): WrittenTable | undefined;
}

/** A connection with the session settings that a write needs. */
export interface MysqlConnection {
  /** False once it has failed or timed out. It must not be used again. */
  readonly usable: boolean;
  readonly server: MysqlServer;
  /** The driver's client, for libraries that need one. */
  readonly client: mysql.Connection;
  /** Runs one statement. Rejects with a MysqlStatementError, which doesn't contain the server's message. */
  query(sql: string): Promise<readonly Record<string, unknown>[]>;
  /** Runs the statements of one transaction. After an error it is rolled back. Rejects with a MysqlStatementError. */
  write(statements: MysqlStatements): Promise<void>;
  /** Has the server check a statement with placeholders, without running it. Rejects with a MysqlStatementError. */
  check(sql: string, table: WrittenTable): Promise<void>;
  /** Ends the session. Closes the socket if the server doesn't answer within a second. */
  close(): Promise<void>;
  /** Closes the socket, so that a statement in progress fails at once. */
  destroy(): void;
}

const KEEP_ALIVE_AFTER_MS = 10_000;
/** Grace period for the server to end a session. */
const CLOSE_TIMEOUT_MS = 1_000;
/** The part of the statement timeout after which the server is asked to end the statement. The rest is for its answer. */
const INTERRUPT_AFTER = 0.9;
/** For the answer to a request to end a statement. */
const KILL_TIMEOUT_MS = 1_000;
/** QUERY_INTERRUPTED: the server ended the statement on request. */
const INTERRUPTED = '1317';
const PACKET_TOO_LARGE = '1153';
/** In seconds. A statement that waits longer for a row lock is divided, so that its other rows don't wait too. */
const LOCK_TIMEOUT_S = 2;

/** Connects to the server of the DSN. Rejects with a SinkError that names it. */
export async function openMysql(options: MysqlConnectionOptions): Promise<MysqlConnection> {
  const target = targetOf(options);
  try {
    return await open(options, target);
  } catch (error) {
    if (!target.plainIfRefused || !(error instanceof SinkError) || error.detail !== 'tls_not_supported') throw error;
    return open(options, { ...target, tls: undefined });
  }
}

function targetOf(options: MysqlConnectionOptions): MysqlTarget {
  try {
    return readMysqlDsn(options.dsn);
  } catch (error) {
    const failure: MysqlFailure =
      error instanceof DsnError ? { code: 'misconfigured', detail: 'invalid_dsn' } : classifyMysqlError(error);
    throw new SinkError(options.name, failure.code, failure.detail, { operation: 'connect' });
  }
}

async function open(options: MysqlConnectionOptions, target: MysqlTarget): Promise<MysqlConnection> {
  const connection = new LiveConnection(options, target);
  await connection.start();
  return connection;
}

class LiveConnection implements MysqlConnection {
  readonly client: mysql.Connection;
  readonly #options: MysqlConnectionOptions;
  readonly #target: MysqlTarget;
  readonly #address: string;
  readonly #operation: SinkOperation;
  readonly #socket: Socket;
  #server: MysqlServer = { dialect: 'mysql', maxPacket: 0 };
  #usable = true;

  constructor(options: MysqlConnectionOptions, target: MysqlTarget) {
    this.#options = options;
    this.#target = target;
    this.#address = target.name;
    this.#operation = options.operation ?? 'write';
    // Our own socket, so that it can be closed at once: the driver's destroy() waits for what is still to be sent.
    this.#socket = connectSocket(target);
    this.client = createClient(target, this.#socket, options.connectTimeoutMs);
    // Without a listener, an error of an idle connection would end the process.
    this.client.on('error', () => this.destroy());
    this.client.on('end', () => this.destroy());
  }

  get usable(): boolean {
    return this.#usable;
  }

  get server(): MysqlServer {
    return this.#server;
  }

  async start(): Promise<void> {
    const { connectTimeoutMs, name } = this.#options;
    try {
      await this.#within(connectTimeoutMs, 'connect_timeout', async () => {
        await new Promise<void>((resolve, reject) => {
          this.client.connect((error) => (error === null || error === undefined ? resolve() : reject(error)));
        });
        await this.#run(SESSION);
        const [row] = await this.#run('select version() as version, @@max_allowed_packet as packet');
        this.#server = {
          dialect: /mariadb/i.test(String(row?.version)) ? 'mariadb' : 'mysql',
          maxPacket: Number(row?.packet),
        };
      });
    } catch (error) {
      this.destroy();
      const failure = this.#failure(error);
      // No row has been sent yet, so a refusal concerns a setting, and a timeout means that the server is unreachable.
      const code =
        failure.code === 'rejected' ? 'misconfigured' : failure.code === 'timeout' ? 'unavailable' : failure.code;
      throw new SinkError(name, code, failure.detail, { operation: 'connect', address: this.#address });
    }
  }

  async query(sql: string): Promise<readonly Record<string, unknown>[]> {
    try {
      return await this.#within(this.#options.statementTimeoutMs, 'client_deadline', () => this.#run(sql));
    } catch (error) {
      throw this.#statementError(error);
    }
  }

  async write({ sql, tableOf }: MysqlStatements): Promise<void> {
    const { statementTimeoutMs } = this.#options;
    let finished = 0;
    const interrupt = new Interrupt(statementTimeoutMs * INTERRUPT_AFTER, () => this.#kill());
    try {
      const run = () => this.#run(sql, () => finished++);
      await this.#within(statementTimeoutMs, 'client_deadline', run).finally(() => interrupt.stop());
    } catch (error) {
      const failure = this.#statementError(error, tableOf(finished));
      if (this.#usable) await this.#rollBack(interrupt, failure);
      throw failure;
    }
    if (!(await interrupt.settle(false))) this.destroy();
  }

  /** Without the server's answer, the session is closed, which rolls back too. */
  async #rollBack(interrupt: Interrupt, { detail }: MysqlFailure): Promise<void> {
    if (await interrupt.settle(detail === INTERRUPTED)) await this.query('rollback').catch(() => this.destroy());
    else this.destroy();
  }

  async check(sql: string, table: WrittenTable): Promise<void> {
    try {
      await this.#within(this.#options.statementTimeoutMs, 'client_deadline', () => this.#prepare(sql));
    } catch (error) {
      throw this.#statementError(error, table);
    }
  }

  async close(): Promise<void> {
    if (!this.#usable) return;
    this.#usable = false;
    const ended = () => new Promise<void>((resolve) => this.client.end(() => resolve()));
    await this.#within(CLOSE_TIMEOUT_MS, 'client_deadline', ended).catch(() => undefined);
    this.#socket.destroy();
  }

  destroy(): void {
    this.#usable = false;
    this.#socket.destroy();
  }

  /** Resolves to the rows of the last statement that has any. `onResult` is called after each statement without rows. */
  #run(sql: string, onResult?: () => void): Promise<readonly Record<string, unknown>[]> {
    return new Promise((resolve, reject) => {
      const command = this.client.query<mysql.RowDataPacket[]>(sql, (error, rows) => {
        if (error === null || error === undefined) resolve(Array.isArray(rows) ? rows : []);
        else reject(error);
      });
      if (onResult !== undefined) command.on('result', onResult);
    });
  }

  /**
   * Asks the server to end the statement in progress (1317), so that its locks are released: MySQL has no timeout for writes, and a server
   * continues with a statement whose client is gone. Without an answer, our own deadline ends the connection.
   */
  #kill(): KillRequest {
    const socket = connectSocket(this.#target);
    const client = createClient(this.#target, socket, this.#options.connectTimeoutMs);
    let sent = false;
    const answered = new Promise<boolean>((resolve) => {
      socket.once('close', () => resolve(false));
      client.once('connect', () => {
        sent = true;
        client.query({ sql: `kill query ${Number(this.client.threadId)}`, timeout: KILL_TIMEOUT_MS }, (error) => {
          resolve(error === null);
          socket.destroy();
        });
      });
    });
    client.on('error', () => socket.destroy());
    return {
      get sent() {
        return sent;
      },
      answered,
      close: () => socket.destroy(),
    };
  }

  #prepare(sql: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.client.prepare(sql, (error, statement) => {
        if (error !== null && error !== undefined) return reject(error);
        statement.close();
        resolve();
      });
    });
  }

  #statementError(error: unknown, table?: WrittenTable): MysqlStatementError {
    const failure = this.#failure(error);
    if (!leavesSessionIntact(failure)) this.destroy();
    return new MysqlStatementError(this.#options.name, failure, {
      operation: this.#operation,
      address: this.#address,
      table,
      error,
    });
  }

  #failure(error: unknown): MysqlFailure {
    return error instanceof SinkError ? error : classifyMysqlError(error);
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

function connectSocket({ host, port, socketPath }: MysqlTarget): Socket {
  const socket = socketPath === undefined ? connect(port, host) : connect(socketPath);
  return socket.setNoDelay(true).setKeepAlive(true, KEEP_ALIVE_AFTER_MS);
}

function createClient(target: MysqlTarget, socket: Socket, connectTimeout: number): mysql.Connection {
  const { host, port, user, password, database, tls } = target;
  return mysql.createConnection({
    host,
    port,
    user,
    password,
    database,
    stream: () => socket,
    ...(tls === undefined ? {} : { ssl: { ...tls } }),
    charset: 'utf8mb4_bin',
    multipleStatements: true,
    // Without it, the server could ask for any file of this machine.
    flags: ['-LOCAL_FILES'],
    connectTimeout,
    supportBigNumbers: true,
    dateStrings: true,
    connectAttributes: { program_name: 'wado-consumer' },
    // The driver would search every statement for placeholders; only drizzle's have values.
    queryFormat: (sql: string, values: unknown) =>
      Array.isArray(values) && values.length > 0 ? mysql.format(sql, values) : sql,
  });
}

/**
 * Errors in English, because the row and column are read from their text; sent as one statement, which MySQL refuses as a whole if one
 * setting is unknown. innodb_lock_wait_timeout: see LOCK_TIMEOUT_S. The time zone is not set: DATETIME columns don't depend on it, and
 * updated_time is the server's local time.
 */
const SESSION =
  `set names utf8mb4,sql_mode='${SQL_MODE}',autocommit=1,innodb_lock_wait_timeout=${LOCK_TIMEOUT_S},lc_messages='en_US';` +
  'set session transaction isolation level read committed';

/** Whether the server answered the failed statement and the session can still be used. */
function leavesSessionIntact({ code, detail }: MysqlFailure): boolean {
  // The server closes the connection after this answer.
  if (detail === PACKET_TOO_LARGE) return false;
  return (
    code === 'rejected' ||
    code === 'conflict' ||
    code === 'misconfigured' ||
    detail === INTERRUPTED ||
    detail === '1969'
  );
}
