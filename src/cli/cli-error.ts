/** The program's exit codes; `--help` and docs/operating.md list them. */
export const EXIT = {
  /** Done. */
  done: 0,
  /** A wrong option or configuration. */
  usage: 1,
  /** It ran, but the input had failures, or input and output differ. */
  failures: 2,
  /** A broker, a database, a file system or the service itself failed. */
  broke: 3,
  /** Stopped at the shutdown deadline with records in flight. They are redelivered. */
  forced: 4,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Ends the program with this exit code. The message goes to stderr unless it is empty. It must not hold a value of a record. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}
