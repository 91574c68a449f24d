/** A TCP proxy that injects network faults into the connections to one server. */

import { randomBytes } from 'node:crypto';
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** The server behind a proxy, and the proxy's port. */
export interface TcpProxyOptions {
  /** The server. A function is called for each connection. */
  readonly target: ProxyTarget | (() => ProxyTarget);
  /** Default: any free port. */
  readonly port?: number;
  /** Called for each connection, to read its requests and change its answers. */
  readonly rewrite?: (proxyPort: number) => Rewriter;
}

/** The address of the server behind a proxy. */
export interface ProxyTarget {
  readonly host: string;
  readonly port: number;
}

/** Sees all bytes of one connection, in order. */
export interface Rewriter {
  /** Called with the bytes of requests before they are forwarded unchanged. */
  request(data: Buffer): void;
  /** Returns the bytes to send to the client; it may keep some back for the next call. */
  answer(data: Buffer): Buffer;
}

/** A TCP proxy on 127.0.0.1 that disturbs its connections. */
export interface TcpProxy {
  readonly port: number;
  /** While on, bytes are dropped silently in both directions, as by a network that drops packets. New connections are accepted and get no answer. */
  blackHole(on: boolean): void;
  /** Delays everything by this time in both directions, in order. Milliseconds; 0 ends it. */
  delay(milliseconds: number): void;
  /** While on, the server's answers are replaced by random bytes of the same length. */
  garble(on: boolean): void;
  /** Resets every connection (RST). */
  cut(): void;
  /** While on, connections are refused and existing ones are reset. */
  refuse(on: boolean): Promise<void>;
  /** Resets a connection on which a request of more than this number of bytes arrives, as a proxy with a limit does. Infinity ends it. */
  limitRequests(bytes: number): void;
  /** From the first request that `when` selects, holds back the server's answers on that connection. */
  hold(when: (request: Buffer) => boolean): Hold;
  /** Resets every connection and stops listening. */
  close(): Promise<void>;
}

/** Answers that a proxy holds back. */
export interface Hold {
  /** Resolves when the first answer is being held. */
  readonly held: Promise<void>;
  /** Sends the held answers and holds no further ones. */
  release(): void;
}

interface Holding {
  readonly when: (request: Buffer) => boolean;
  readonly caught: (() => void)[];
  readonly lines: Set<Line>;
}

/** One connection from a client to the server. */
interface Line {
  readonly client: Socket;
  readonly server: Socket;
  readonly requests: Way;
  readonly answers: Way;
  readonly kept: Buffer[];
  /** The size of the requests since the server's last answer, in bytes. */
  asked: number;
  readonly rewriter: Rewriter | undefined;
}

/** One direction of a connection. Bytes keep their order when the delay changes. */
class Way {
  readonly #to: Socket;
  #late = 0;
  #last: Promise<void> = Promise.resolve();

  constructor(to: Socket) {
    this.#to = to;
  }

  send(data: Buffer | 'end', delayMs: number): void {
    if (delayMs === 0 && this.#late === 0) {
      this.#put(data);
      return;
    }
    this.#late++;
    const due = performance.now() + delayMs;
    this.#last = this.#last.then(async () => {
      await sleep(due - performance.now());
      this.#late--;
      this.#put(data);
    });
  }

  #put(data: Buffer | 'end'): void {
    if (data === 'end') this.#to.destroy();
    else if (!this.#to.destroyed) this.#to.write(data);
  }
}

/** Starts a proxy on 127.0.0.1. Rejects if `port` is taken. */
export async function startTcpProxy({ target, port = 0, rewrite }: TcpProxyOptions): Promise<TcpProxy> {
  const lines = new Set<Line>();
  let swallowing = false;
  let garbling = false;
  let delayMs = 0;
  let limit = Number.POSITIVE_INFINITY;
  let holding: Holding | undefined;

  function reset({ client, server }: Line): void {
    client.resetAndDestroy();
    server.destroy();
  }
  function request(line: Line, data: Buffer): void {
    if (swallowing) return;
    line.asked += data.length;
    if (line.asked > limit) {
      reset(line);
      return;
    }
    if (holding?.when(data)) holding.lines.add(line);
    line.rewriter?.request(data);
    line.requests.send(data, delayMs);
  }
  function answer(line: Line, received: Buffer): void {
    if (swallowing) return;
    line.asked = 0;
    const data = line.rewriter?.answer(received) ?? received;
    if (holding?.lines.has(line)) {
      line.kept.push(data);
      for (const resolve of holding.caught) resolve();
      return;
    }
    line.answers.send(garbling ? randomBytes(data.length) : data, delayMs);
  }

  const listener = createServer((client) => {
    const server = connect(typeof target === 'function' ? target() : target);
    const rewriter = rewrite?.(listening);
    const line: Line = {
      client,
      server,
      requests: new Way(server),
      answers: new Way(client),
      kept: [],
      asked: 0,
      rewriter,
    };
    lines.add(line);
    client.setNoDelay(true);
    server.setNoDelay(true);
    client.on('data', (data) => request(line, data));
    server.on('data', (data) => answer(line, data));
    for (const [end, onward] of [
      [client, line.requests],
      [server, line.answers],
    ] as const) {
      end.on('error', () => undefined);
      end.on('close', () => {
        // Until both ends are closed, the other one may have to be reset.
        if (client.destroyed && server.destroyed) lines.delete(line);
        // While bytes are dropped, the end of the connection is not passed on either.
        if (!swallowing) onward.send('end', delayMs);
      });
    }
  });
  const listen = (at: number) =>
    new Promise<void>((resolve, reject) => {
      listener.once('error', reject);
      listener.listen(at, '127.0.0.1', () => {
        listener.off('error', reject);
        resolve();
      });
    });
  await listen(port);
  const address = listener.address();
  const listening = typeof address === 'object' && address !== null ? address.port : port;

  const cut = () => lines.forEach(reset);
  const shut = async () => {
    if (!listener.listening) return;
    const closed = new Promise<void>((resolve) => listener.close(() => resolve()));
    cut();
    await closed;
  };

  return {
    port: listening,
    blackHole(on) {
      const ending = swallowing && !on;
      swallowing = on;
      // Bytes are missing in the middle of these connections, so they can't continue.
      if (ending) cut();
    },
    delay(milliseconds) {
      delayMs = milliseconds;
    },
    garble(on) {
      garbling = on;
    },
    cut,
    async refuse(on) {
      if (on) await shut();
      else if (!listener.listening) await listen(listening);
    },
    limitRequests(bytes) {
      limit = bytes;
    },
    hold(when) {
      const mine: Holding = { when, caught: [], lines: new Set() };
      const held = new Promise<void>((resolve) => mine.caught.push(resolve));
      holding = mine;
      return {
        held,
        release() {
          if (holding === mine) holding = undefined;
          for (const line of mine.lines) for (const data of line.kept.splice(0)) line.answers.send(data, 0);
        },
      };
    },
    close: shut,
  };
}
