/**
 * Whether the storage is fast (page cache, local disk) or slow (cold disks, networks), by what the last files took. A file read in place costs half
 * the CPU of one read by libuv's threads, but waits alone: on slow storage many must wait together.
 */

/** Milliseconds of waiting a file, from which on reading side by side is faster: below, its dearer calls eat what the shorter wait gives. */
const SLOW_MS = 0.5;
const REMEMBERED = 16;
const ENOUGH = 4;
// The first files of a thread are slow because the code is cold, not the storage.
const WARM_UP = 12;
// While slow, this many files of every so many batches are read in place again, to see whether it still is.
const PROBE_FILES = 3;
const PROBE_EVERY = 8;

export class StorageSpeed {
  #slow = false;
  readonly #recent: number[] = [];
  #warmUp = WARM_UP;
  #batches = 0;

  get slow(): boolean {
    return this.#slow;
  }

  /** How many files of the coming batch are to be read in place whatever the state. */
  startBatch(): number {
    if (!this.#slow) return 0;
    this.#batches++;
    if (this.#batches % PROBE_EVERY !== 0) return 0;
    this.#recent.length = 0;
    return PROBE_FILES;
  }

  /** Milliseconds that a file read in place waited for the file system. */
  record(milliseconds: number): void {
    // Many milliseconds are the storage's even so.
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
