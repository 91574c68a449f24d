import { CommanderError } from 'commander';
import { ConfigError, SinkError, SourceError } from '../errors.ts';
import { endOnCrash } from '../ops/crash.ts';
import { errorCode } from '../ops/serialize-error.ts';
import { CliError, EXIT, type ExitCode } from './cli-error.ts';
import { endProcess } from './end-process.ts';
import { tolerateClosedPipes } from './output.ts';
import { loadProgram } from './program.ts';

async function main(args: readonly string[]): Promise<ExitCode> {
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

endOnCrash(EXIT.broke);
tolerateClosedPipes();
const exitCode = await main(process.argv.slice(2));
// The native client and worker threads may keep the process alive, so it is ended explicitly: after stdout and stderr are flushed, or
// after a second when a reader is stuck.
const FLUSH_TIMEOUT_MS = 1_000;
setTimeout(() => void endProcess(exitCode), FLUSH_TIMEOUT_MS);
process.stdout.write('', () => process.stderr.write('', () => void endProcess(exitCode)));
