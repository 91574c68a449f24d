/** The number of statements without COPY after a failure. */
const FIRST_PAUSE = 8;
const MAX_PAUSE = 4_096;

/**
 * Whether the next statement tries COPY, which fails as a whole if one row exists. Each failure costs a transaction that is rolled back, so
 * while rows are replayed it is tried less and less often.
 */
export class CopyAttempts {
  #pause = FIRST_PAUSE;
  #left = 0;

  /** To be called once for each statement. */
  next(): boolean {
    if (this.#left === 0) return true;
    this.#left--;
    return false;
  }

  succeeded(): void {
    this.#pause = Math.max(FIRST_PAUSE, this.#pause >> 1);
  }

  failed(): void {
    this.#left = this.#pause;
    this.#pause = Math.min(MAX_PAUSE, this.#pause * 2);
  }
}
