/**
 * A double of an Apache Doris cluster, written from Doris's documentation of Stream Load, the unique key model and the HTTP API: FEs, BEs and
 * one MySQL port on 127.0.0.1. It keeps its rows in memory. `connect-client.test.ts` and `flink-client.slow.test.ts` in
 * `test/databases/doris` run the clients of Redpanda Connect and Flink against it.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { answerAsBackend } from './backend.ts';
import { Cluster } from './cluster.ts';
import { answerAsFrontend } from './frontend.ts';
import { startMysqlPort } from './mysql-port.ts';
import type { StoredRow } from './table.ts';

export interface DorisDoubleOptions {
  readonly frontends?: number;
  readonly backends?: number;
  /** PEM, for HTTPS on all HTTP ports. The MySQL port has no TLS. */
  readonly tls?: { readonly key: string; readonly cert: string };
}

export interface DorisDouble {
  readonly cluster: Cluster;
  /** `127.0.0.1:port` of the FEs and BEs. */
  readonly frontends: readonly string[];
  readonly backends: readonly string[];
  /** Statements that the MySQL port received. */
  readonly statements: readonly string[];
  /** A DSN with all FEs, and more parameters. */
  dsn(parameters?: string): string;
  rows(table: string): readonly StoredRow[];
  /** Closes the port of an FE or BE, and its connections. */
  stop(name: string): Promise<void>;
  close(): Promise<void>;
}

/** Starts a double on free ports. */
export async function startDorisDouble(options: DorisDoubleOptions = {}): Promise<DorisDouble> {
  const cluster = new Cluster();
  cluster.scheme = options.tls === undefined ? 'http' : 'https';
  const servers = new Map<string, Server>();
  const start = async (answer: (port: number, request: IncomingMessage, response: ServerResponse) => unknown) => {
    const server = options.tls === undefined ? createServer() : createHttpsServer(options.tls);
    const port = await listening(server);
    const answered = (request: IncomingMessage, response: ServerResponse) => {
      if (request.headers.authorization !== undefined) cluster.credentialsSeenAt.add(port);
      if (port === cluster.silentFrontend) cluster.silenced++;
      else void answer(port, request, response);
    };
    server.on('request', answered);
    // Node would answer 100 Continue by itself.
    server.on('checkContinue', answered);
    servers.set(`127.0.0.1:${port}`, server);
    return `127.0.0.1:${port}`;
  };
  const backends: string[] = [];
  for (let n = 0; n < (options.backends ?? 1); n++) {
    const name = await start((port, request, response) => answerAsBackend(cluster, port, request, response));
    backends.push(name);
    cluster.backends.push({ host: '127.0.0.1', port: Number(name.split(':')[1]), alive: true });
  }
  const frontends: string[] = [];
  for (let n = 0; n < (options.frontends ?? 1); n++)
    frontends.push(await start((_, request, response) => answerAsFrontend(cluster, request, response)));
  const mysql = await startMysqlPort(cluster);

  async function stop(name: string): Promise<void> {
    const server = servers.get(name);
    servers.delete(name);
    if (server === undefined) return;
    await new Promise((resolve) => {
      server.close(resolve);
      server.closeAllConnections();
    });
  }

  return {
    cluster,
    frontends,
    backends,
    statements: mysql.statements,
    dsn: (parameters = '') =>
      `doris://${cluster.user}:${encodeURIComponent(cluster.password)}@${frontends.join(',')}/${cluster.database}` +
      `?mysql_port=${mysql.port}&replication_num=1${parameters}`,
    rows: (table) => cluster.tables.get(table)?.rows ?? [],
    stop,
    async close() {
      for (const name of servers.keys()) await stop(name);
      await mysql.close();
    },
  };
}

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return (server.address() as AddressInfo).port;
}
