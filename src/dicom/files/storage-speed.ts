/**
 * Decides by the last files whether the storage is fast (page cache, local disk) or slow (cold disks, networks). Blocking
 * calls cost half the CPU time of calls in libuv's threads, but read one file at a time, which is too slow on slow
 * storage.
 *
 * Gain end to end (2026-11-27, `npm run bench -- ablation --only storage-speed`, busy machine, 3 rounds): with
 * concurrent reads only, the process uses 1.73 (1.62 to 2.06) times the CPU per record on warm local files. With
 * `--delay 5000` and reads in place only, it handles 0.21 (0.15 to 0.27) times the records per second.
 */

/**
 * Above this time per file, in milliseconds, concurrent reads are faster. Below it, their additional CPU time costs more
 * than the shorter waits save.
 */
const SLOW_MS = 0.5;
const REMEMBERED = 16;
const ENOUGH = 4;
// The first files of a thread are slow because its code isn't compiled yet.
const WARM_UP = 12;
// While the storage is slow, the first files of every eighth batch are read in place to measure it again.
const PROBE_FILES = 3;
const PROBE_EVERY = 8;

/** The measured speed of one thread's reads. */
export class StorageSpeed {
  #slow = false;
  readonly #recent: number[] = [];
  #warmUp = WARM_UP;
  #batches = 0;

  get slow(): boolean {
    return this.#slow;
  }

  /** The number of files of the next batch to read with blocking calls, to measure slow storage again. */
  startBatch(): number {
    if (!this.#slow) return 0;
    this.#batches++;
    if (this.#batches % PROBE_EVERY !== 0) return 0;
    this.#recent.length = 0;
    return PROBE_FILES;
  }

  /** Records the time in milliseconds of one file read with blocking calls. */
  record(milliseconds: number): void {
    // Two milliseconds and more are caused by the storage, even during warm-up.
    if (this.#warmUp-- > 0 && milliseconds < 2) return;
    this.#recent.push(milliseconds);
    if (this.#recent.length > REMEMBERED) this.#recent.shift();
    const enough = this.#slow ? PROBE_FILES : ENOUGH;
    if (this.#recent.length < enough) return;
    const slowFiles = this.#recent.reduce((count, each) => count + (each > SLOW_MS ? 1 : 0), 0);
    const slow = slowFiles * 2 > this.#recent.length;
    if (slow !== this.#slow) this.#recent.length = 0;
    this.#slow = slow;
  }
}
