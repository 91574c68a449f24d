import type { Writable } from 'node:stream';

/** The destination of pino's log lines. */
export interface LogOutput {
  write(line: string): void;
}

type Output = Pick<Writable, 'write' | 'writableLength' | 'on'>;

// If the reader of stdout blocks, log lines are dropped. They must neither fill the memory nor prevent the exit.
const MAX_WAITING_BYTES = 8 * 1024 * 1024;

/**
 * Writes log lines to a stream that may be blocked; drops lines while more than `maxWaitingBytes` wait. pino's own
 * destination writes in libuv's thread pool, where a write to a full pipe would keep the process from exiting. Node
 * writes to a pipe on stdout without blocking. `format` changes each line of JSON before it is written.
 */
export function logOutput(
  stream: Output,
  maxWaitingBytes = MAX_WAITING_BYTES,
  format: (line: string) => string = (line) => line,
): LogOutput {
  let dropped = 0;
  // EPIPE: the reader has closed the pipe. The service continues without a log.
  stream.on('error', () => undefined);
  return {
    write: (line) => {
      if (stream.writableLength > maxWaitingBytes) {
        dropped++;
        return;
      }
      if (dropped > 0) {
        const warning = { level: 'warn', time: new Date().toISOString(), dropped, msg: 'log lines dropped' };
        stream.write(format(`${JSON.stringify(warning)}\n`));
        dropped = 0;
      }
      stream.write(format(line));
    },
  };
}
