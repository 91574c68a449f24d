/** Notices an output that acknowledges nothing although writes to it are pending: a slow server is neither down nor failing. */
export class PendingWrites {
  readonly #limitMs: number;
  readonly #onStalled: (pendingMs: number) => void;
  readonly #now: () => number;
  readonly #begun = new Set<{ readonly at: number }>();
  #acknowledgedAt = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  /** `onStalled` is called when a write has been pending for `limitMs` without any acknowledgement, and again after each further `limitMs`. */
  constructor(limitMs: number, onStalled: (pendingMs: number) => void, now: () => number) {
    this.#limitMs = limitMs;
    this.#onStalled = onStalled;
    this.#now = now;
  }

  /** A write begins. The returned function ends it: to be called however it ended. */
  begin(): () => void {
    const write = { at: this.#now() };
    this.#begun.add(write);
    this.#schedule(this.#limitMs);
    return () => {
      this.#begun.delete(write);
    };
  }

  /** A write has succeeded. */
  acknowledged(): void {
    this.#acknowledgedAt = this.#now();
  }

  /** Ends the watch. Writes that were abandoned stay pending for ever. */
  close(): void {
    this.#begun.clear();
    clearTimeout(this.#timer);
  }

  #schedule(delayMs: number): void {
    this.#timer ??= setTimeout(() => this.#check(), delayMs).unref();
  }

  #check(): void {
    this.#timer = undefined;
    const [oldest] = this.#begun;
    if (oldest === undefined) return;
    const pendingMs = this.#now() - Math.max(oldest.at, this.#acknowledgedAt);
    const leftMs = this.#limitMs - pendingMs;
    if (leftMs <= 0) this.#onStalled(pendingMs);
    this.#schedule(leftMs <= 0 ? this.#limitMs : leftMs);
  }
}
