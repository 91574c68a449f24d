/** Logs a problem when it appears or changes, and every `periodMs` while it lasts. */
export class RepeatedLog {
  readonly #periodMs: number;
  #last: { readonly problem: string; readonly at: number } | undefined;

  constructor(periodMs: number) {
    this.#periodMs = periodMs;
  }

  log(problem: string, write: () => void): void {
    const now = performance.now();
    if (this.#last?.problem === problem && now - this.#last.at < this.#periodMs) return;
    this.#last = { problem, at: now };
    write();
  }

  /** Whether nothing was logged since the last `clear()`. */
  isClear(): boolean {
    return this.#last === undefined;
  }

  /** The problem is over. Returns whether it was logged. */
  clear(): boolean {
    const wasLogged = this.#last !== undefined;
    this.#last = undefined;
    return wasLogged;
  }
}
