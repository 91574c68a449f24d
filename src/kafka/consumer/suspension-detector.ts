const TICK_MS = 500;

/**
 * Detects that the whole process was suspended (SIGSTOP, a paused virtual machine) for longer than `limitMs`, the session timeout after
 * which the group reassigns the member's partitions. `check()` calls `onSuspension` synchronously, once per suspension.
 */
export class SuspensionDetector {
  readonly #limitMs: number;
  readonly #onSuspension: () => void;
  #last = performance.now();
  #timer: NodeJS.Timeout | undefined;

  constructor(limitMs: number, onSuspension: () => void) {
    this.#limitMs = limitMs;
    this.#onSuspension = onSuspension;
  }

  start(): void {
    this.#last = performance.now();
    this.#timer = setInterval(() => this.check(), TICK_MS);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Compares the time with that of the last check. Call it before an acknowledgement or a commit, which may be stale. */
  check(): void {
    if (this.#timer === undefined) return;
    const now = performance.now();
    const pause = now - this.#last;
    this.#last = now;
    if (pause > this.#limitMs) this.#onSuspension();
  }
}
