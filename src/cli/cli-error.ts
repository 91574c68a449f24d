/** The program's exit codes; `--help` and docs/operating.md list them. */
export const EXIT = {
  /** What was asked for is done. */
  done: 0,
  /** A wrong option, or a configuration that can't be used. */
  usage: 1,
  /** It ran, and the input had failures or the sums don't add up. */
  failures: 2,
  /** It could not go on: a broker, a database or a file system failed. */
  broke: 3,
  /** Cut off at the shutdown deadline, with work in flight that comes again. */
  forced: 4,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Ends the program with this exit code; the message, if there is one, goes to stderr. It is ours: it holds no value of any record. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}
