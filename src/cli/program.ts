import { Command } from 'commander';
import { readVersion } from '../ops/version.ts';

/** Each verb is a file that is loaded only when it is called: `header` needs no Kafka client. */
const VERBS: Readonly<Record<string, () => Promise<Command>>> = {
  run: async () => (await import('./run.ts')).runCommand(),
  lint: async () => (await import('./lint.ts')).lintCommand(),
  test: async () => (await import('./test.ts')).testCommand(),
  migrate: async () => (await import('./migrate.ts')).migrateCommand(),
  describe: async () => (await import('./describe.ts')).describeCommand(),
  publish: async () => (await import('./publish.ts')).publishCommand(),
  header: async () => (await import('./header.ts')).headerCommand(),
  samples: async () => (await import('./samples.ts')).samplesCommand(),
  dlq: async () => (await import('./dlq.ts')).dlqCommand(),
  offsets: async () => (await import('./offsets.ts')).offsetsCommand(),
  demo: async () => (await import('./demo.ts')).demoCommand(),
  plugin: async () => (await import('./plugin.ts')).pluginCommand(),
};

const EXIT_CODES = `
Exit codes:
  0    done, or stopped cleanly
  1    the configuration or the command line is wrong, or a test failed
  2    the input had failures, or input and output differ
  3    a database, a broker or the service itself failed
  4    stopped at shutdown_timeout with records in flight; they are redelivered
  137  as 4, but a broker or the storage did not respond and the process ended itself with SIGKILL`;

/** The command line with the given verb only, or with all verbs if it is unknown or missing. */
export async function loadProgram(verb?: string): Promise<Command> {
  const root = new Command('wado-consumer')
    .description(
      'Consumes storage records, reads DICOM headers, writes tables and topics, and commits offsets after both acknowledged.',
    )
    .version(readVersion().version)
    .addHelpText('afterAll', EXIT_CODES)
    .showHelpAfterError('(use --help for help)')
    .exitOverride();
  const wanted = verb === undefined ? undefined : VERBS[verb];
  const loads = wanted === undefined ? Object.values(VERBS) : [wanted];
  for (const command of await Promise.all(loads.map((load) => load()))) {
    root.addCommand(command.exitOverride());
  }
  return root;
}
