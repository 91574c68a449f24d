/** Connections to Doris's MySQL port, for migrations, checks of the tables, and reading versions. */
import { isIP, connect as openSocket, type Socket } from 'node:net';
import { type ConnectionOptions, createConnection, type RowDataPacket } from 'mysql2/promise';
import { SinkError, type SinkOperation } from '../../errors.ts';
import type { DorisHost, DorisTarget } from './dsn.ts';
import { classifySessionError } from './errors.ts';

/** A row of a result. Whole numbers beyond 2^53, dates and times are text. */
export type ResultRow = Readonly<Record<string, unknown>>;

/** One connection. Its errors are SinkErrors. */
export interface DorisSession {
  /** Runs one statement with `?` for the values, which are quoted here: Doris needs no prepared statement. */
  query(sql: string, values?: readonly unknown[]): Promise<readonly ResultRow[]>;
  close(): void;
}

/** How to connect. */
export interface SessionOptions {
  /** The sink's name, for errors. */
  readonly name: string;
  readonly operation: SinkOperation;
  /** Per FE, in milliseconds. */
  readonly connectTimeoutMs: number;
  /** Per statement, in milliseconds. */
  readonly timeoutMs: number;
}

/** Connects to the first FE that answers. Rejects with a SinkError that names every FE and its error. */
export async function openSession(target: DorisTarget, options: SessionOptions): Promise<DorisSession> {
  const failures: { readonly host: DorisHost; readonly error: unknown }[] = [];
  for (const host of target.frontends) {
    try {
      return await connect(target, host, options);
    } catch (error) {
      failures.push({ host, error });
    }
  }
  const classified = failures.map(({ host, error }) => ({ host, ...classifySessionError(error) }));
  // An FE that can't be reached says nothing about the others.
  const decisive = classified.find(({ code }) => code !== 'unavailable') ?? classified[0];
  const detail = classified.map(({ host, detail }) => `${detail} ${host.host}:${target.mysqlPort}`).join(', ');
  throw new SinkError(options.name, decisive?.code ?? 'unavailable', detail, { operation: options.operation });
}

async function connect(target: DorisTarget, { host }: DorisHost, options: SessionOptions): Promise<DorisSession> {
  const connection = await createConnection({
    host,
    port: target.mysqlPort,
    user: target.user,
    password: target.password,
    database: target.database,
    connectTimeout: options.connectTimeoutMs,
    supportBigNumbers: true,
    dateStrings: true,
    ...tlsOptions(target, host),
  });
  // Without a listener, the loss of an idle connection would end the process. The next query reports it.
  connection.on('error', () => undefined);
  return {
    async query(sql, values = []) {
      try {
        const [rows] = await connection.query<RowDataPacket[]>({
          sql,
          values: [...values],
          timeout: options.timeoutMs,
        });
        return Array.isArray(rows) ? rows : [];
      } catch (error) {
        const { code, detail } = classifySessionError(error);
        throw new SinkError(options.name, code, detail, { operation: options.operation });
      }
    },
    close: () => connection.destroy(),
  };
}

/** Authority and host name are checked, as for HTTPS. */
function tlsOptions({ tls, mysqlPort }: DorisTarget, host: string): Pick<ConnectionOptions, 'ssl' | 'stream'> {
  if (tls === undefined) return {};
  return {
    ssl: { rejectUnauthorized: true, verifyIdentity: true, ...(typeof tls.ca === 'string' ? { ca: tls.ca } : {}) },
    ...(isIP(host) === 0 ? {} : { stream: () => addressSocket(host, mysqlPort) }),
  };
}

/**
 * mysql2 doesn't pass an IP address on to Node's check of the certificate. Node then takes the name that it has put in the socket's `_host`,
 * which it does for host names only, and "localhost" without one: a Node without this field refuses the certificate.
 */
function addressSocket(host: string, port: number): Socket {
  return Object.assign(openSocket(port, host).setNoDelay(true), { _host: host });
}
