const TICK_MS = 500;

/**
 * Notices that this whole process stood still (SIGSTOP, a paused virtual machine) for longer than `limitMs`, the time after which its
 * group gives a silent member's partitions to others. Tells of each standstill once, before anything else that asks `check()` goes on.
 */
export class SuspensionDetector {
  readonly #limitMs: number;
  readonly #onStandstill: () => void;
  #last = performance.now();
  #timer: NodeJS.Timeout | undefined;

  constructor(limitMs: number, onStandstill: () => void) {
    this.#limitMs = limitMs;
    this.#onStandstill = onStandstill;
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

  check(): void {
    if (this.#timer === undefined) return;
    const now = performance.now();
    const stood = now - this.#last;
    this.#last = now;
    if (stood > this.#limitMs) this.#onStandstill();
  }
}
