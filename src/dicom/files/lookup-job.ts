/** Whether each file is missing; undefined if the storage did not answer. */
export type LookupAnswers = readonly (boolean | undefined)[];

/** Files whose existence a worker looks up. */
export class LookupJob {
  readonly paths: readonly string[];
  readonly #timer: NodeJS.Timeout;
  #resolve: (missing: LookupAnswers) => void = () => undefined;
  readonly result: Promise<LookupAnswers>;

  /** Gives up after `timeoutMs`. */
  constructor(paths: readonly string[], timeoutMs: number) {
    this.paths = paths;
    this.result = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    this.#timer = setTimeout(() => this.giveUp(), timeoutMs);
  }

  finish(missing: LookupAnswers): void {
    clearTimeout(this.#timer);
    this.#resolve(missing);
  }

  /** The storage or the worker doesn't answer: nothing is known of the files. */
  giveUp(): void {
    this.finish(this.paths.map(() => undefined));
  }
}
