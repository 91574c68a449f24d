/**
 * Reads many files at the same time, for storage that answers slowly. Each call waits in one of libuv's threads, which the
 * whole process shares.
 */
import { DicomReadError } from '../../errors.ts';
import { runConcurrently } from './file-calls.ts';
import { FileHeader, NOT_KNOWN } from './file-header.ts';
import type { StorageRoots } from './storage-roots.ts';

/**
 * One file to read, and what to call with the result: exactly one of `onRead`, `onError`, `onNotAttempted` and `onUnfinished`, once, unless it
 * is left. None may throw.
 */
export interface WideFile {
  readonly path: string;
  /** The header is only valid during the call. */
  onRead(header: FileHeader): void;
  /** `size` in bytes; `NOT_KNOWN` if the file could not be opened. */
  onError(error: unknown, size: number): void;
  /** No read was started, because the storage answers none of the started ones. */
  onNotAttempted(): void;
  /** Called once while the file is being read, when it takes long. */
  onSlow?(): void;
  /** The call of an earlier attempt, which was left, hasn't returned. Without this function, the attempt waits for it. */
  onUnfinished?(): void;
}

/** Bounds of the reads. */
export interface WideReaderOptions {
  /** A file fails with `read_timeout` when it takes longer than this, in milliseconds. */
  readonly timeoutMs: number;
  /** Called after each finished call, and after each file that took too long. */
  readonly onProgress: () => void;
  /** The storage root of a path, if there are several. One that doesn't answer must leave threads to the others [one root]. */
  readonly rootOf?: (path: string) => number | undefined;
}

/** The files of one root. */
interface Root {
  running: number;
  /** Those that haven't returned in time. */
  late: number;
}

interface Waiting {
  readonly file: WideFile;
  readonly root: Root;
}

interface Running {
  readonly root: Root;
  /** Undefined when nobody waits for the result. */
  file: WideFile | undefined;
  startedAt: number;
  isSlow: boolean;
  /** Its call hasn't returned in time. It still occupies a thread. */
  late: boolean;
  /** When an attempt last failed because it is late. */
  reportedAt: number;
}

/** The result of a file that was left. */
interface Result {
  readonly at: number;
  readonly header: FileHeader;
  readonly report: (file: WideFile) => void;
}

/** The number of results that are kept until another attempt asks for them. Each has a window of 64 KiB. */
const MOST_RESULTS = 64;
/** After this time, in milliseconds, a result isn't used any more: the file may have been replaced. */
const LONGEST_RESULT_MS = 10_000;
/** A file takes long after this time in milliseconds, or after half of the timeout. */
const SLOW_AFTER_MS = 1_000;
const CHECKS_PER_TIMEOUT = 5;
const LONGEST_CHECK_MS = 250;
/** The share of the files in flight that one of several roots may have. */
const SHARE_OF_A_ROOT = 0.75;

/** Reads the files of all batches of one thread, in the order of `read`. */
export class WideReader {
  readonly #storage: Pick<StorageRoots, 'open'>;
  readonly #options: WideReaderOptions;
  readonly #free: FileHeader[] = [];
  #waiting: Waiting[] = [];
  readonly #roots = new Map<number | undefined, Root>();
  /** The oldest first. */
  readonly #running = new Set<Running>();
  /** The running ones that nobody waits for, by their path. A new attempt waits for their result, instead of blocking another thread. */
  readonly #left = new Map<string, Running>();
  /** By path, the oldest first. */
  readonly #results = new Map<string, Result>();
  #late = 0;
  #width = 1;
  #most = 1;
  #timer: NodeJS.Timeout | undefined;

  constructor(roots: Pick<StorageRoots, 'open'>, options: WideReaderOptions) {
    this.#storage = roots;
    this.#options = options;
  }

  /** `width`: how many files to have in flight from now on; `most`: their maximum, which may be reached while a root doesn't answer. */
  read(files: readonly WideFile[], width: number, most = width): void {
    this.#width = width;
    this.#most = most;
    // All results are used before a call is started.
    for (const file of files.filter((each) => !this.#resume(each)))
      this.#waiting.push({ file, root: this.#rootOf(file) });
    const everyMs = Math.min(LONGEST_CHECK_MS, this.#options.timeoutMs / CHECKS_PER_TIMEOUT);
    this.#timer ??= setInterval(() => this.#checkTimes(), everyMs);
    this.#startWaiting();
  }

  /** Nobody waits for this file, which takes long, any longer. None of its functions is called. */
  leave(file: WideFile): void {
    for (const running of this.#running) if (running.file === file) this.#leave(running);
  }

  #leave(running: Running): void {
    if (running.file === undefined) return;
    this.#left.set(running.file.path, running);
    running.file = undefined;
  }

  /** Uses the call of an earlier attempt that was left. Returns false if there is none. */
  #resume(file: WideFile): boolean {
    const result = this.#takeResult(file.path);
    if (result !== undefined && performance.now() - result.at < LONGEST_RESULT_MS) {
      result.report(file);
      return true;
    }
    const running = this.#left.get(file.path);
    if (running === undefined) return false;
    const now = performance.now();
    if (file.onUnfinished === undefined) {
      this.#left.delete(file.path);
      running.file = file;
      running.isSlow = false;
      this.#restart(running);
    } else if (running.late && now - running.reportedAt >= this.#options.timeoutMs) {
      running.reportedAt = now;
      file.onError(new DicomReadError('read_timeout'), NOT_KNOWN);
    } else file.onUnfinished();
    return true;
  }

  /** Gives the call its whole time again. */
  #restart(running: Running): void {
    this.#inTime(running);
    running.startedAt = performance.now();
    // The newest are last.
    this.#running.delete(running);
    this.#running.add(running);
  }

  #keepResult(path: string, result: Result): void {
    this.#takeResult(path);
    this.#results.set(path, result);
    for (const oldest of this.#results.keys()) {
      if (this.#results.size <= MOST_RESULTS) break;
      this.#takeResult(oldest);
    }
  }

  #takeResult(path: string): Result | undefined {
    const result = this.#results.get(path);
    if (result === undefined) return undefined;
    this.#results.delete(path);
    // Its values stay until a file is started.
    this.#free.push(result.header);
    return result;
  }

  #inTime(running: Running): void {
    if (!running.late) return;
    running.late = false;
    running.root.late--;
    this.#late--;
  }

  #startWaiting(): void {
    while (this.#hasRoom) {
      const at = this.#waiting.findIndex(({ root }) => root.running < this.#mostOfRoot);
      const [next] = at < 0 ? [] : this.#waiting.splice(at, 1);
      if (next === undefined) break;
      this.#start(next);
    }
    this.#giveUpBlocked();
    if (this.#running.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
  }

  /** Calls that don't return leave at least room for the other roots. */
  get #hasRoom(): boolean {
    const { size } = this.#running;
    const isWide = size < this.#width || size - this.#late < this.#width - this.#mostOfRoot;
    return isWide && size < this.#most;
  }

  get #mostOfRoot(): number {
    return this.#options.rootOf === undefined ? this.#width : Math.max(1, Math.floor(SHARE_OF_A_ROOT * this.#width));
  }

  /** Ends the waiting files for which every thread that may be used is blocked. */
  #giveUpBlocked(): void {
    if (this.#late === 0) return;
    const isBlocked = ({ root }: Waiting) => this.#late >= this.#most || root.late >= this.#mostOfRoot;
    const blocked = this.#waiting.filter(isBlocked);
    if (blocked.length === 0) return;
    this.#waiting = this.#waiting.filter((each) => !isBlocked(each));
    for (const { file } of blocked) file.onNotAttempted();
  }

  #rootOf({ path }: WideFile): Root {
    const name = this.#options.rootOf?.(path);
    const known = this.#roots.get(name);
    if (known !== undefined) return known;
    const root: Root = { running: 0, late: 0 };
    this.#roots.set(name, root);
    return root;
  }

  #start({ file, root }: Waiting): void {
    const header = this.#free.pop() ?? new FileHeader();
    const { path } = file;
    const running: Running = {
      file,
      root,
      startedAt: performance.now(),
      isSlow: false,
      late: false,
      reportedAt: Number.NEGATIVE_INFINITY,
    };
    this.#running.add(running);
    root.running++;
    const end = (report: (file: WideFile) => void) => {
      this.#running.delete(running);
      if (this.#left.get(path) === running) this.#left.delete(path);
      root.running--;
      this.#inTime(running);
      if (running.file === undefined) this.#keepResult(path, { at: performance.now(), header, report });
      else {
        report(running.file);
        this.#free.push(header);
      }
      this.#startWaiting();
    };
    runConcurrently(
      header.read(this.#storage.open(path)),
      this.#options.onProgress,
      () => end((each) => each.onRead(header)),
      (error) => end((each) => each.onError(error, header.size)),
    );
  }

  #checkTimes(): void {
    const now = performance.now();
    const { timeoutMs, onProgress } = this.#options;
    // The functions that are called may change the set.
    for (const running of [...this.#running]) {
      const tookMs = now - running.startedAt;
      if (tookMs < Math.min(SLOW_AFTER_MS, timeoutMs / 2)) break;
      const { file } = running;
      if (tookMs >= timeoutMs && !running.late) {
        running.late = true;
        running.root.late++;
        this.#late++;
        onProgress();
        this.#leave(running);
        if (file !== undefined) running.reportedAt = now;
        file?.onError(new DicomReadError('read_timeout'), NOT_KNOWN);
      } else if (!running.isSlow) {
        running.isSlow = true;
        file?.onSlow?.();
      }
    }
    this.#startWaiting();
  }
}
