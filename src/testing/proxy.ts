/** A TCP proxy that misbehaves on demand: what networks do to a connection, done to one server's lines while a test looks on. */

import { randomBytes } from 'node:crypto';
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface TcpProxyOptions {
  readonly target: { readonly host: string; readonly port: number };
  /** Default: any free one. */
  readonly port?: number;
}

export interface TcpProxy {
  readonly port: number;
  /** Bytes vanish both ways and nobody is told, as on a network that drops packets. New connections are accepted and hear nothing. */
  blackHole(on: boolean): void;
  /** Everything arrives so much later, both ways, in order. 0 ends it. Milliseconds. */
  delay(milliseconds: number): void;
  /** While on, the server's answers are replaced by as many random bytes. */
  garble(on: boolean): void;
  /** Resets every connection (RST). */
  cut(): void;
  /** While on, connections are refused; those that stand are reset. */
  refuse(on: boolean): Promise<void>;
  /** From the first request that `when` picks, keeps back everything the server says on that connection. */
  hold(when: (request: Buffer) => boolean): Hold;
  close(): Promise<void>;
}

export interface Hold {
  /** Resolves when the first answer is being held. */
  readonly held: Promise<void>;
  /** Lets the answers go, and holds no further ones. */
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
}

/** One way of a line: what enters leaves in the same order, however the delay changes meanwhile. */
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

export async function startTcpProxy({ target, port = 0 }: TcpProxyOptions): Promise<TcpProxy> {
  const lines = new Set<Line>();
  let swallowing = false;
  let garbling = false;
  let delayMs = 0;
  let holding: Holding | undefined;

  function request(line: Line, data: Buffer): void {
    if (swallowing) return;
    if (holding?.when(data)) holding.lines.add(line);
    line.requests.send(data, delayMs);
  }
  function answer(line: Line, data: Buffer): void {
    if (swallowing) return;
    if (holding?.lines.has(line)) {
      line.kept.push(data);
      for (const resolve of holding.caught) resolve();
      return;
    }
    line.answers.send(garbling ? randomBytes(data.length) : data, delayMs);
  }

  const listener = createServer((client) => {
    const server = connect(target);
    const line: Line = { client, server, requests: new Way(server), answers: new Way(client), kept: [] };
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
        lines.delete(line);
        // A line that goes silent doesn't tell of its other end either.
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

  const cut = () => {
    for (const { client, server } of lines) {
      client.resetAndDestroy();
      server.destroy();
    }
  };
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
      // Bytes are missing in the middle: no line that lived through it can go on.
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
