/** Decides when the pool of reader threads starts another one. */
import os from 'node:os';

/** Starts measuring the machine's CPUs. The returned function returns how many were idle on average since then. */
export type WatchProcessors = () => () => number;

/** The settings of the growth. */
export interface PoolGrowthOptions {
  /** Another thread is considered when batches have waited without a pause for this time, in milliseconds [3000]. */
  readonly afterMs?: number | undefined;
  readonly watchProcessors?: WatchProcessors | undefined;
}

// Longer than a burst, and than the warm-up of a new thread.
const AFTER_MS = 3_000;
// On two busy cores a second thread cost 5 to 9 % of the throughput, because it compiles its code again.
const FREE_ENOUGH = 0.5;

/**
 * A thread costs memory, and CPU time until its code is compiled. Another one helps while the others wait for the storage
 * or a CPU is idle. When the CPUs are the bottleneck, it doesn't help.
 *
 * Gain end to end (2026-11-27, `npm run bench -- ablation --only pool-growth`, busy machine, 2 rounds): with all
 * threads as soon as batches wait, the process uses 1.19 (1.04 to 1.34) times the CPU per record on warm local files.
 * With `--delay 5000` the second thread brings 1.61 (1.37 to 1.85) times the records per second.
 */
export class PoolGrowth {
  readonly #afterMs: number;
  readonly #watchProcessors: WatchProcessors;
  /** Start of the current uninterrupted wait, by `performance.now()`; NaN while nothing waits. */
  #since = Number.NaN;
  #finishedFast = false;
  #free: (() => number) | undefined;

  constructor({ afterMs = AFTER_MS, watchProcessors = watchSystem }: PoolGrowthOptions) {
    this.#afterMs = afterMs;
    this.#watchProcessors = watchProcessors;
  }

  /** A batch was finished from fast storage: the threads are limited by the CPUs. */
  finishedFast(): void {
    this.#finishedFast = true;
  }

  /** No batch waits, or a thread is starting. */
  enough(): void {
    this.#since = Number.NaN;
  }

  /** Call while batches wait. Returns whether to start another thread; the waiting time then starts again. */
  isDue(): boolean {
    const now = performance.now();
    if (Number.isNaN(this.#since)) this.#begin(now);
    const waited = now - this.#since;
    // Measuring costs CPU, and most waits end earlier.
    if (waited >= this.#afterMs / 2) this.#free ??= this.#watchProcessors();
    if (waited < this.#afterMs) return false;
    const helps = !this.#finishedFast || (this.#free?.() ?? 0) >= FREE_ENOUGH;
    this.#begin(now);
    return helps;
  }

  #begin(now: number): void {
    this.#since = now;
    this.#finishedFast = false;
    this.#free = undefined;
  }
}

/** I/O wait counts as idle. A container's CPU quota is not visible here: all CPUs of the machine count. */
function watchSystem(): () => number {
  const start = performance.now();
  const busyBefore = busyMs();
  return () => os.cpus().length - (busyMs() - busyBefore) / (performance.now() - start);
}

function busyMs(): number {
  return os.cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0);
}
