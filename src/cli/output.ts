import { systemCode } from '../errors.ts';
import { CliError, EXIT } from './cli-error.ts';

/** stdout and its reader. `readerGone` is set once the reader has closed the pipe (`offsets show --json | head -1`). */
const state = { readerGone: false };

/**
 * Keeps a closed pipe on stdout or stderr from ending the process: without a listener Node throws EPIPE as an uncaught exception. Call it
 * once, before anything is written.
 */
export function tolerateClosedPipes(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (isClosedPipe(error)) state.readerGone = true;
  });
  process.stderr.on('error', () => undefined);
}

/**
 * Writes to stdout and waits until it is written, so that a slow reader doesn't fill this process's memory. Resolves with false once the
 * reader has closed the pipe: a verb that only lists can stop then. Throws a CliError when the output is lost for another reason, such as a
 * full disk.
 */
export async function print(text: string | Uint8Array): Promise<boolean> {
  if (state.readerGone) return false;
  const error = await new Promise<Error | null | undefined>((resolve) => process.stdout.write(text, resolve));
  if (error === null || error === undefined) return true;
  if (!isClosedPipe(error)) throw new CliError(EXIT.broke, `writing to stdout failed (${codeOf(error)})`);
  state.readerGone = true;
  return false;
}

/** Writes to stderr and waits until it is written. A reader that has closed the pipe, or a full disk, is ignored. */
export async function printError(text: string): Promise<void> {
  await new Promise<void>((resolve) => process.stderr.write(text, () => resolve()));
}

function isClosedPipe(error: Error): boolean {
  return codeOf(error) === 'EPIPE';
}

function codeOf(error: Error): string {
  return systemCode(error) ?? error.name;
}
