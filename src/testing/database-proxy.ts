import { type ProxyTarget, startTcpProxy, type TcpProxy } from './proxy.ts';

/** A proxy before the server of a database. */
export interface DatabaseProxy extends TcpProxy {
  /** The DSN of the database by way of the proxy. */
  readonly dsn: string;
}

/** Starts a proxy on a free port of 127.0.0.1 before the server of a `postgres://` or `mysql://` DSN. */
export async function startDatabaseProxy(dsn: string): Promise<DatabaseProxy> {
  const proxy = await startTcpProxy({ target: addressOf(dsn) });
  return { ...proxy, dsn: withAddress(dsn, { host: '127.0.0.1', port: proxy.port }) };
}

/** The default ports of `pg` and `mysql2`. */
const DEFAULT_PORTS: Readonly<Record<string, number>> = { 'postgres:': 5432, 'postgresql:': 5432, 'mysql:': 3306 };

/** Where the server of a DSN listens. */
export function addressOf(dsn: string): ProxyTarget {
  const { hostname, port, protocol } = new URL(dsn);
  return { host: hostname, port: port === '' ? (DEFAULT_PORTS[protocol] ?? 0) : Number(port) };
}

/** The DSN with the address of another server. */
export function withAddress(dsn: string, { host, port }: ProxyTarget): string {
  const url = new URL(dsn);
  url.hostname = host;
  url.port = String(port);
  return url.href;
}
