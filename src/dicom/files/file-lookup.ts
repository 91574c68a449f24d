/** Looks up which files exist, without opening them. A waiting file is looked up often before it appears. */
import fs from 'node:fs';
import { systemCode } from '../../errors.ts';
import { CheapCall } from './cheap-call.ts';
import type { OnProgress } from './file-calls.ts';

/** Calls in flight on slow storage. Each occupies one of libuv's threads, which reads need, too. */
const IN_FLIGHT = 16;

/** The files of one call of `missing`. */
interface Lookup {
  readonly paths: readonly string[];
  readonly missing: boolean[];
  /** The index of the next file to look up. */
  next: number;
  left: number;
  readonly resolve: (missing: readonly boolean[]) => void;
}

/** Looks up files with blocking calls while they are fast, else some at the same time. */
export class FileLookup {
  readonly #onProgress: OnProgress;
  readonly #call: CheapCall;
  readonly #waiting: Lookup[] = [];
  #inFlight = 0;

  /** `onProgress` is called after each finished call. */
  constructor(onProgress: OnProgress, call = new CheapCall()) {
    this.#onProgress = onProgress;
    this.#call = call;
  }

  /**
   * Resolves to whether each file is missing; false if that can't be known, e.g. because the storage fails. The path is followed, but
   * not a link as its last part: whether the file lies under the storage roots is checked when it is read.
   */
  missing(paths: readonly string[]): Promise<readonly boolean[]> {
    if (paths.length === 0) return Promise.resolve([]);
    return new Promise((resolve) => {
      const missing = paths.map(() => false);
      this.#waiting.push({ paths, missing, next: 0, left: paths.length, resolve });
      this.#start();
    });
  }

  #start(): void {
    for (;;) {
      const [lookup] = this.#waiting;
      if (lookup === undefined || this.#inFlight >= IN_FLIGHT) return;
      const index = lookup.next++;
      if (lookup.next === lookup.paths.length) this.#waiting.shift();
      this.#lookUp(lookup, index);
    }
  }

  #lookUp(lookup: Lookup, index: number): void {
    const path = lookup.paths[index] ?? '';
    const end = (isMissing: boolean) => {
      this.#onProgress();
      lookup.missing[index] = isMissing;
      if (--lookup.left === 0) lookup.resolve(lookup.missing);
    };
    if (path.includes('\0')) {
      end(false);
      return;
    }
    if (this.#call.mayBlock) {
      this.#call.call(
        () => (fs.lstatSync(path, { throwIfNoEntry: false }) === undefined ? 1 : 0),
        (error, isMissing) => end(error === null && isMissing === 1),
      );
      return;
    }
    this.#inFlight++;
    fs.lstat(path, (error) => {
      this.#inFlight--;
      end(error !== null && systemCode(error) === 'ENOENT');
      this.#start();
    });
  }
}
