import type { Writable } from 'node:stream';

/** Where pino's finished lines go. */
export interface LogOutput {
  write(line: string): void;
}

type Output = Pick<Writable, 'write' | 'writableLength' | 'on'>;

// A reader of stdout that is stuck must cost log lines, not the service's memory or its end.
const MAX_WAITING_BYTES = 8 * 1024 * 1024;

/**
 * Lines to a stream that may stop taking them. Not pino's own destination: that one writes in libuv's threads, and a thread that hangs in a
 * full pipe, or a pipe whose reader has gone, keeps the process from ever ending. A pipe on stdout is written to without waiting.
 */
export function logOutput(stream: Output, maxWaitingBytes = MAX_WAITING_BYTES): LogOutput {
  let dropped = 0;
  // EPIPE: nobody reads any more. The service has other work than to log.
  stream.on('error', () => undefined);
  return {
    write: (line) => {
      if (stream.writableLength > maxWaitingBytes) {
        dropped++;
        return;
      }
      if (dropped > 0) {
        stream.write(
          `${JSON.stringify({ level: 'warn', time: new Date().toISOString(), dropped, msg: 'log lines dropped' })}\n`,
        );
        dropped = 0;
      }
      stream.write(line);
    },
  };
}
