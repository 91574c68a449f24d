/** The end of a process on an error that nobody caught. */
import { serializeError } from './serialize-error.ts';

/**
 * Node prints the source line, the message and the fields of an error that nobody caught, and any of them may quote a row. From now on
 * one line of JSON goes to stderr instead, with name, code and stack frames, and the process ends with `exitCode`. What was not
 * committed by then comes again.
 */
export function endOnCrash(exitCode: number): void {
  process.on('uncaughtException', (error: unknown) => {
    const line = { level: 'fatal', time: new Date().toISOString(), err: serializeError(error), msg: 'crashed' };
    process.stderr.write(`${JSON.stringify(line)}\n`);
    process.exit(exitCode);
  });
  // A library's warning may quote what it is about; the kind of it is enough to look for.
  process.removeAllListeners('warning');
  process.on('warning', (warning) => {
    const line = { level: 'warn', time: new Date().toISOString(), err: serializeError(warning), msg: 'warning' };
    process.stderr.write(`${JSON.stringify(line)}\n`);
  });
}
