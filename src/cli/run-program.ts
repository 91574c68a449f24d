import { CommanderError } from 'commander';
import { ConfigError, SinkError, SourceError } from '../errors.ts';
import { errorCode } from '../ops/serialize-error.ts';
import { CliError, EXIT, type ExitCode } from './cli-error.ts';
import { loadProgram } from './program.ts';

/** Runs the verb of these arguments, prints why it failed, and resolves with its exit code. Never rejects. */
export async function runProgram(args: readonly string[]): Promise<ExitCode> {
  try {
    const program = await loadProgram(args.find((arg) => !arg.startsWith('-')));
    await program.parseAsync(args, { from: 'user' });
    return EXIT.done;
  } catch (error) {
    return report(error);
  }
}

/** Prints why a verb failed and returns its exit code. */
function report(error: unknown): ExitCode {
  // Commander has already printed its message or the help.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  if (error instanceof ConfigError) {
    process.stderr.write(`${error.message}\n`);
    return EXIT.usage;
  }
  if (error instanceof CliError) {
    if (error.message !== '') process.stderr.write(`wado-consumer: ${error.message}\n`);
    return error.exitCode;
  }
  process.stderr.write(`wado-consumer: ${failureMessage(error)}\n`);
  return EXIT.broke;
}

/** A foreign error's message may quote a record, so only its name or code is shown. Our own errors hold names and codes only. */
function failureMessage(error: unknown): string {
  if (error instanceof SinkError || error instanceof SourceError) {
    return `${error.message}; docs/dispositions.md lists the codes`;
  }
  return `unexpected error (${errorCode(error)})`;
}
