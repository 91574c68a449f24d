import { connect, createServer, type Socket } from 'node:net';

/** A TCP proxy before a database: can cut what passes through it, or swallow it without a word. */
export interface Proxy {
  /** The database's DSN, by way of the proxy. */
  readonly dsn: string;
  /** Drops all bytes in both directions without an error, as a network that drops packets. */
  blackHole(on: boolean): void;
  /** Resets every connection. */
  cut(): void;
  /** Stops listening too: connections are refused until `open()`. */
  shut(): Promise<void>;
  open(): Promise<void>;
}

export async function proxyBefore(dsn: string): Promise<Proxy> {
  const target = new URL(dsn);
  const sockets = new Set<Socket>();
  let swallowing = false;
  const server = createServer((client) => {
    const database = connect(Number(target.port || 5432), target.hostname);
    for (const [from, to] of [
      [client, database],
      [database, client],
    ] as const) {
      sockets.add(from);
      from.on('data', (data) => {
        if (!swallowing) to.write(data);
      });
      from.on('error', () => undefined);
      from.on('close', () => {
        sockets.delete(from);
        if (!swallowing) to.destroy();
      });
    }
  });
  const listen = (port: number) => new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  await listen(0);
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const through = new URL(dsn);
  through.hostname = '127.0.0.1';
  through.port = String(port);
  const cut = () => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  return {
    dsn: through.href,
    blackHole: (on) => {
      swallowing = on;
    },
    cut,
    shut: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        cut();
      }),
    open: () => listen(port),
  };
}
