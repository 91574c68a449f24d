/** When a pool of reader threads needs another one. */
import os from 'node:os';

/** Begins to look at the machine's processors; the function it returns tells how many of them were free on average since then. */
export type WatchProcessors = () => () => number;

export interface PoolGrowthOptions {
  /** Batches that wait for so long without a pause mean that the threads don't keep up [3000]. Milliseconds. */
  readonly afterMs?: number | undefined;
  readonly watchProcessors?: WatchProcessors | undefined;
}

// Longer than a burst, and than a new thread's slow beginning.
const AFTER_MS = 3_000;
// On two cores that are busy with everything, a second thread took 5 to 9 % of the throughput: it has its own code to compile.
const FREE_ENOUGH = 0.5;

/**
 * A thread costs memory, and CPU until its code is compiled. Another one helps where the others hang or wait for the storage, or where it
 * has a processor to run on; where the processors are what is short, it is only a burden.
 */
export class PoolGrowth {
  readonly #afterMs: number;
  readonly #watchProcessors: WatchProcessors;
  /** Since when batches have been waiting without a pause, by `performance.now()`. */
  #since = Number.NaN;
  #progressed = false;
  #free: (() => number) | undefined;

  constructor({ afterMs = AFTER_MS, watchProcessors = watchSystem }: PoolGrowthOptions) {
    this.#afterMs = afterMs;
    this.#watchProcessors = watchProcessors;
  }

  /** A batch was answered. */
  progressed(): void {
    this.#progressed = true;
  }

  /** Nothing waits, or a thread is about to begin. */
  enough(): void {
    this.#since = Number.NaN;
  }

  /** Batches wait: whether they have done so long enough for another thread. If so, the time begins anew. */
  isDue(): boolean {
    const now = performance.now();
    if (Number.isNaN(this.#since)) this.#begin(now);
    const waited = now - this.#since;
    // Asking costs something, and most waiting ends before.
    if (waited >= this.#afterMs / 2) this.#free ??= this.#watchProcessors();
    if (waited < this.#afterMs) return false;
    const helps = !this.#progressed || (this.#free?.() ?? 0) >= FREE_ENOUGH;
    this.#begin(now);
    return helps;
  }

  #begin(now: number): void {
    this.#since = now;
    this.#progressed = false;
    this.#free = undefined;
  }
}

/** Waiting for a disk is no use of a processor. A container's quota isn't seen: there all of the machine's processors count. */
function watchSystem(): () => number {
  const start = performance.now();
  const busyBefore = busyMs();
  return () => os.cpus().length - (busyMs() - busyBefore) / (performance.now() - start);
}

function busyMs(): number {
  return os.cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0);
}
