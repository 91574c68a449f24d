/**
 * One HTTP exchange with an FE or BE. It uses node:http: an FE refuses a load without `Expect: 100-continue`, and undici, which also is
 * Node's fetch, refuses to send that header over HTTP/1.1 (`NotSupportedError: expect header not supported`).
 */
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { ConnectionOptions } from 'node:tls';
import { systemCode } from '../../errors.ts';

/** What to send, and for how long to wait. */
export interface Exchange {
  readonly method: 'GET' | 'PUT';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** Sent once the server asks for it (100 Continue), or after a second. */
  readonly body?: Buffer;
  readonly connectTimeoutMs: number;
  /** For the whole exchange, in milliseconds. */
  readonly timeoutMs: number;
  readonly tls: ConnectionOptions | undefined;
  readonly signal?: AbortSignal;
}

/** The server's answer. */
export interface Answer {
  readonly status: number;
  /** The `Location` of a redirect. */
  readonly location: string | undefined;
  /** UTF-8. */
  readonly body: string;
}

/** There was no whole answer. */
export class ExchangeError extends Error {
  override readonly name = 'ExchangeError';
  /** Node's error code, `connect_timeout`, `client_deadline`, `answer_cut`, `answer_too_large` or `closed`. */
  readonly code: string;
  /** Whether the server may have received the whole request, so that the outcome is unknown. */
  readonly bodySent: boolean;

  constructor(code: string, bodySent: boolean, options?: ErrorOptions) {
    super(code, options);
    this.code = code;
    this.bodySent = bodySent;
  }
}

// As curl does: a proxy may drop the header, and the server then waits for the body.
const CONTINUE_WAIT_MS = 1_000;
const MAX_ANSWER_BYTES = 1024 * 1024;

/** Sends a request and resolves to the whole answer, of any status; redirects aren't followed. Rejects with an ExchangeError. */
export function exchange(what: Exchange): Promise<Answer> {
  const { method, url, headers, body, tls, signal } = what;
  return new Promise((resolve, reject) => {
    let bodySent = false;
    let settled = false;
    const send = url.protocol === 'https:' ? requestHttps : requestHttp;
    // No agent: a connection on which a body was announced and not sent can't be used again.
    const request = send(url, { ...(url.protocol === 'https:' ? tls : {}), method, headers, agent: false });
    const timers = [
      setTimeout(() => fail('client_deadline'), what.timeoutMs),
      setTimeout(() => fail('connect_timeout'), what.connectTimeoutMs),
    ];
    const abort = () => fail('closed');
    signal?.addEventListener('abort', abort, { once: true });

    function settle(end: () => void): void {
      if (settled) return;
      settled = true;
      for (const timer of timers) clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      end();
      request.destroy();
    }
    function fail(code: string, cause?: unknown): void {
      settle(() => reject(new ExchangeError(code, bodySent, { cause })));
    }
    function sendBody(): void {
      if (bodySent || settled || body === undefined) return;
      bodySent = true;
      request.end(body);
    }

    request.on('error', (error) => fail(systemCode(error) ?? error.name, error));
    request.on('socket', (socket) => {
      socket.once(url.protocol === 'https:' ? 'secureConnect' : 'connect', () => {
        clearTimeout(timers[1]);
        if (body !== undefined) timers.push(setTimeout(sendBody, CONTINUE_WAIT_MS));
      });
    });
    request.on('continue', sendBody);
    request.on('response', (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > MAX_ANSWER_BYTES) fail('answer_too_large');
        else chunks.push(chunk);
      });
      response.on('error', (error) => fail('answer_cut', error));
      response.on('end', () => {
        const status = response.statusCode ?? 0;
        const text = Buffer.concat(chunks).toString('utf8');
        settle(() => resolve({ status, location: response.headers.location, body: text }));
      });
    });
    if (signal?.aborted) abort();
    else if (body === undefined) request.end();
    else request.flushHeaders();
  });
}
