/** A call that is usually so fast that a blocking call costs less than handing it to another thread. */

/** A call that takes longer, in milliseconds, waited for the storage. */
const FAST_MS = 0.5;
/** The number of calls that must not block after a slow one: per millisecond that it took, and at least. */
const NOT_BLOCKING_PER_MS = 100;
const NOT_BLOCKING = 500;

/** Measures one kind of call, and decides how to make the next one. */
export class CheapCall {
  readonly #now: () => number;
  #notBlocking = 0;

  /** `now` returns milliseconds. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Whether to make the next call with `call`. Counts it if not. */
  get mayBlock(): boolean {
    if (this.#notBlocking === 0) return true;
    this.#notBlocking--;
    return false;
  }

  /** Makes and measures a blocking call. `onAnswer` gets its error or its result. */
  call(blocking: () => number, onAnswer: (error: Error | null, result: number) => void): void {
    const start = this.#now();
    let result: number;
    try {
      result = blocking();
    } catch (error) {
      onAnswer(error instanceof Error ? error : new Error('not an Error was thrown'), 0);
      return;
    }
    const tookMs = this.#now() - start;
    if (tookMs > FAST_MS) this.#notBlocking = Math.max(NOT_BLOCKING, Math.floor(NOT_BLOCKING_PER_MS * tookMs));
    onAnswer(null, result);
  }
}
