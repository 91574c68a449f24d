/**
 * Decides by the last files whether the storage is fast (page cache, local disk) or slow (cold disks, networks). Blocking
 * calls cost half the CPU time of calls in libuv's threads, but read one file at a time, which is too slow on slow
 * storage. A few files that take long, e.g. from a tape, are enough: each of them would hold up all others.
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
/** While the storage is slow, single files are read in place to measure it again: 1 % of the time, and every 5 s. */
const PROBES = 3;
const PAUSE_PER_PROBE = 100;
const LONGEST_PAUSE_MS = 5_000;
/** Files in flight per millisecond that a file takes: enough for 10,000 files per second, more than the rest can do. */
const FILES_PER_MS = 10;
/** Slow storage answers this number of requests as fast as one: disks sort them, networks carry them at once. */
const LEAST_WIDTH = 32;
/**
 * A few slow files among fast ones, from this time per file on, in milliseconds. It is longer than a busy CPU usually keeps a thread
 * waiting.
 */
const LONG_MS = 20;
/** From this time on, no CPU is the cause. A shorter time counts as at most CAPPED_MS, so that it takes two such files. */
const VERY_LONG_MS = 200;
const CAPPED_MS = 50;
/** The number of files after WARM_UP of which a long time says nothing, because the process is starting. */
const LONG_WARM_UP = 200;
/** They make the storage slow when they add more than SLOW_MS to the average of about this number of files. */
const AVERAGED = 128;
/** How long the storage then counts as slow at most before it is measured again. */
const LONGEST_PAUSE_AFTER_FEW_MS = 60_000;

/** The measured speed of one thread's reads from one storage root. */
export class StorageSpeed {
  readonly #now: () => number;
  #slow = false;
  /** Milliseconds of the last files that were read in place: REMEMBERED, or PROBES while the storage is slow. */
  #recent: number[] = [];
  /** What files of LONG_MS and more add to the average time of the last files. */
  #addedByLong = 0;
  #warmUp = WARM_UP;
  #nextProbe = 0;

  /** `now` returns milliseconds. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  get slow(): boolean {
    return this.#slow;
  }

  /** Whether to read the next file with blocking calls: always on fast storage, sometimes on slow storage, to measure it. */
  readsInPlace(): boolean {
    if (!this.#slow) return true;
    const now = this.#now();
    if (now < this.#nextProbe) return false;
    // `record` and `recordFailure` set it again.
    this.#nextProbe = now + LONGEST_PAUSE_MS;
    return true;
  }

  /** The number of files to have in flight: 0 on fast storage, else it grows with the time that a file takes. */
  width(most: number): number {
    if (!this.#slow) return 0;
    return Math.max(1, Math.min(most, Math.max(LEAST_WIDTH, Math.ceil(FILES_PER_MS * median(this.#recent)))));
  }

  /**
   * Records the time in milliseconds of one file that could not be read. It takes fewer calls, so only a long time counts. A short one
   * measures nothing: another file is to be read in place soon.
   */
  recordFailure(milliseconds: number): void {
    if (milliseconds > SLOW_MS) this.record(milliseconds);
    else if (this.#slow) this.#probeAfter(milliseconds);
  }

  /** Records the time in milliseconds of one file read with blocking calls. */
  record(milliseconds: number): void {
    // Two milliseconds and more are caused by the storage, even during warm-up. So is the speed of a file that is fast although its code
    // isn't compiled yet.
    if (this.#warmUp-- > 0 && milliseconds < 2 && !this.#slow) return;
    this.#recent.push(milliseconds);
    if (this.#recent.length > (this.#slow ? PROBES : REMEMBERED)) this.#recent.shift();
    if (this.#slow) this.#probeAfter(milliseconds);
    else if (this.#warmUp < -LONG_WARM_UP)
      this.#addedByLong += (countedOf(milliseconds) - this.#addedByLong) / AVERAGED;
    const isSlowByFew = this.#addedByLong > SLOW_MS;
    const enough = this.#slow ? PROBES : ENOUGH;
    if (this.#recent.length < enough && !isSlowByFew) return;
    const slowFiles = this.#recent.filter((each) => each > SLOW_MS);
    const slow = isSlowByFew || slowFiles.length * 2 > this.#recent.length;
    if (slow === this.#slow) return;
    this.#slow = slow;
    this.#recent = slow ? slowFiles.slice(-PROBES) : [];
    this.#addedByLong = 0;
    this.#probeAfter(milliseconds, isSlowByFew ? LONGEST_PAUSE_AFTER_FEW_MS : LONGEST_PAUSE_MS);
  }

  #probeAfter(milliseconds: number, longestMs = LONGEST_PAUSE_MS): void {
    this.#nextProbe = this.#now() + Math.min(longestMs, PAUSE_PER_PROBE * milliseconds);
  }
}

function countedOf(milliseconds: number): number {
  if (milliseconds < LONG_MS) return 0;
  return milliseconds < VERY_LONG_MS ? Math.min(CAPPED_MS, milliseconds) : milliseconds;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
