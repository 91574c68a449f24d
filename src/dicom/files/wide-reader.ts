/**
 * Reads many files at the same time, for storage that answers slowly. Each call waits in one of libuv's threads, which the
 * whole process shares.
 */
import { DicomReadError } from '../../errors.ts';
import { runConcurrently } from './file-calls.ts';
import { FileHeader, NOT_KNOWN } from './file-header.ts';
import type { StorageRoots } from './storage-roots.ts';

/** One file to read, and what to call with the result; exactly one of the functions is called, once. None may throw. */
export interface WideFile {
  readonly path: string;
  /** The header is only valid during the call. */
  onRead(header: FileHeader): void;
  /** `size` in bytes; `NOT_KNOWN` if the file could not be opened. */
  onError(error: unknown, size: number): void;
  /** No read was started, because the storage answers none of the started ones. */
  onNotAttempted(): void;
}

/** Bounds of the reads. */
export interface WideReaderOptions {
  /** A file fails with `read_timeout` when it takes longer than this, in milliseconds. */
  readonly timeoutMs: number;
  /** Called after each finished call, and after each file that took too long. */
  readonly onProgress: () => void;
}

interface Running {
  readonly file: WideFile;
  readonly startedAt: number;
  /** Its call hasn't returned in time. It still occupies a thread. */
  late: boolean;
}

const CHECKS_PER_TIMEOUT = 5;

/** Reads the files of all batches of one thread, in the order of `read`. */
export class WideReader {
  readonly #roots: Pick<StorageRoots, 'open'>;
  readonly #options: WideReaderOptions;
  readonly #free: FileHeader[] = [];
  readonly #waiting: WideFile[] = [];
  /** The oldest first. */
  readonly #running = new Set<Running>();
  #late = 0;
  #width = 1;
  #timer: NodeJS.Timeout | undefined;

  constructor(roots: Pick<StorageRoots, 'open'>, options: WideReaderOptions) {
    this.#roots = roots;
    this.#options = options;
  }

  /** `width`: the maximum number of files in flight, from now on. */
  read(files: readonly WideFile[], width: number): void {
    this.#width = width;
    this.#waiting.push(...files);
    this.#timer ??= setInterval(() => this.#checkTimes(), this.#options.timeoutMs / CHECKS_PER_TIMEOUT);
    this.#startWaiting();
  }

  #startWaiting(): void {
    while (this.#running.size < this.#width) {
      const file = this.#waiting.shift();
      if (file === undefined) break;
      this.#start(file);
    }
    // Every thread that may be used is blocked.
    if (this.#late >= this.#width) for (const file of this.#waiting.splice(0)) file.onNotAttempted();
    if (this.#running.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
  }

  #start(file: WideFile): void {
    const header = this.#free.pop() ?? new FileHeader();
    const running: Running = { file, startedAt: performance.now(), late: false };
    this.#running.add(running);
    const end = (report: () => void) => {
      this.#running.delete(running);
      if (running.late) this.#late--;
      else report();
      this.#free.push(header);
      this.#startWaiting();
    };
    runConcurrently(
      header.read(this.#roots.open(file.path)),
      this.#options.onProgress,
      () => end(() => file.onRead(header)),
      (error) => end(() => file.onError(error, header.size)),
    );
  }

  #checkTimes(): void {
    const latest = performance.now() - this.#options.timeoutMs;
    for (const running of this.#running) {
      if (running.startedAt > latest) break;
      if (running.late) continue;
      running.late = true;
      this.#late++;
      this.#options.onProgress();
      running.file.onError(new DicomReadError('read_timeout'), NOT_KNOWN);
    }
    this.#startWaiting();
  }
}
