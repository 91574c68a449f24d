/** The program's exit codes; `--help` and docs/operating.md list them. */
export const EXIT = {
  done: 0,
  usage: 1,
  failures: 2,
  broke: 3,
  forced: 4,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Ends the program with this exit code; the message, if there is one, goes to stderr. It is ours: it holds no value of any record. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}
