import { createServer } from 'node:net';

/**
 * Linux and macOS take ports for outgoing connections from above this range. A port from above could be taken by such a connection before
 * its server listens on it.
 */
const FIRST = 20_000;
const END = 32_000;

/** Ports that this process has returned and that may not be listened on yet. */
const drawn = new Set<number>();

/** A port that is free on every address, a different one at each call. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * (END - FIRST));
    if (drawn.has(port)) continue;
    drawn.add(port);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(false) : reject(error),
    );
    server.listen(port, () => server.close(() => resolve(true)));
  });
}
