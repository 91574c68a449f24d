/** Ends the process on an uncaught error. */
import { serializeError } from './serialize-error.ts';

/**
 * Replaces Node's report of an uncaught error, which may quote a row in its source line, message or fields. One line of
 * JSON with name, code and stack frames goes to stderr, and the process exits with `exitCode`. Uncommitted records are
 * redelivered.
 */
export function endOnCrash(exitCode: number): void {
  process.on('uncaughtException', (error: unknown) => {
    const line = { level: 'fatal', time: new Date().toISOString(), err: serializeError(error), msg: 'crashed' };
    process.stderr.write(`${JSON.stringify(line)}\n`);
    process.exit(exitCode);
  });
  // A warning's message may quote a value; its name and code are enough to find its cause.
  process.removeAllListeners('warning');
  process.on('warning', (warning) => {
    const line = { level: 'warn', time: new Date().toISOString(), err: serializeError(warning), msg: 'warning' };
    process.stderr.write(`${JSON.stringify(line)}\n`);
  });
}
