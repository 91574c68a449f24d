/** The command line: one file a verb, each loaded only when it is called, so that `header` needs no Kafka client. */
import { Command, CommanderError } from 'commander';
import { ConfigError, SinkError, SourceError } from '../errors.ts';
import { endOnCrash } from '../ops/crash.ts';
import { errorCode } from '../ops/serialize-error.ts';
import { readVersion } from '../ops/version.ts';
import { CliError, EXIT, type ExitCode } from './cli-error.ts';
import { endProcess } from './end-process.ts';
import { tolerateClosedPipes } from './output.ts';

const VERBS: Readonly<Record<string, () => Promise<Command>>> = {
  run: async () => (await import('./run.ts')).runCommand(),
  lint: async () => (await import('./lint.ts')).lintCommand(),
  migrate: async () => (await import('./migrate.ts')).migrateCommand(),
  describe: async () => (await import('./describe.ts')).describeCommand(),
  publish: async () => (await import('./publish.ts')).publishCommand(),
  header: async () => (await import('./header.ts')).headerCommand(),
  samples: async () => (await import('./samples.ts')).samplesCommand(),
  dlq: async () => (await import('./dlq.ts')).dlqCommand(),
  offsets: async () => (await import('./offsets.ts')).offsetsCommand(),
  demo: async () => (await import('./demo.ts')).demoCommand(),
};

const EXIT_CODES = `
Exit codes:
  0  done, or stopped cleanly
  1  the configuration or the command line is wrong
  2  the input had failures, or the sums don't add up
  3  it broke: a database, a broker or a bug that no retry mends
  4  cut off at shutdown_timeout with records in flight; they come again
  137  the same, by SIGKILL, since a broker or the storage didn't answer`;

async function program(verb: string | undefined): Promise<Command> {
  const root = new Command('wado-consumer')
    .description(
      'Consumes storage records, reads DICOM headers, fills tables and topics, commits when all of them have it.',
    )
    .version(readVersion().version)
    .addHelpText('after', EXIT_CODES)
    .showHelpAfterError('(--help tells more)')
    .exitOverride();
  const wanted = verb === undefined ? undefined : VERBS[verb];
  const loads = wanted === undefined ? Object.values(VERBS) : [wanted];
  for (const command of await Promise.all(loads.map((load) => load()))) {
    root.addCommand(command.addHelpText('after', EXIT_CODES).exitOverride());
  }
  return root;
}

/** A foreign error's message may quote a record: only its name or code is shown. Our own errors hold names and codes only. */
function failureMessage(error: unknown): string {
  if (error instanceof SinkError || error instanceof SourceError)
    return `${error.message}; docs/dispositions.md lists the codes`;
  return `unexpected error (${errorCode(error)})`;
}

async function main(args: readonly string[]): Promise<ExitCode> {
  try {
    const root = await program(args.find((arg) => !arg.startsWith('-')));
    await root.parseAsync(args, { from: 'user' });
    return EXIT.done;
  } catch (error) {
    return report(error);
  }
}

/** Prints what went wrong, in our own words, and returns the exit code for it. */
function report(error: unknown): ExitCode {
  // Commander has printed its own message (or the help) by now.
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

endOnCrash(EXIT.broke);
tolerateClosedPipes();
const exitCode = await main(process.argv.slice(2));
// The native client and worker threads may hold the process; everything that must be written has been by now. A reader of stdout that
// is stuck must not hold it either.
const LAST_WORDS_MS = 1_000;
setTimeout(() => void endProcess(exitCode), LAST_WORDS_MS);
process.stdout.write('', () => void endProcess(exitCode));
