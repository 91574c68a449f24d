/** Reads the files of a batch: one by one from fast storage, many at the same time from slow storage. */
import { DicomReadError, systemCode } from '../../errors.ts';
import { compareFiles, LatestPerKey, timestampsJson } from '../rows/latest-per-key.ts';
import { readFailure } from './file-error.ts';
import { FileHeader, NOT_KNOWN } from './file-header.ts';
import { type BatchRequest, type FailureLists, noFailures, type WorkerMessage } from './messages.ts';
import type { StorageRoots } from './storage-roots.ts';
import { StorageSpeed } from './storage-speed.ts';
import { type WideFile, WideReader } from './wide-reader.ts';

/** Settings and listeners of a reader. */
export interface BatchReaderOptions {
  /** A file that is read concurrently with others fails when it takes longer than this, in milliseconds. */
  readonly timeoutMs: number;
  /** Called after each file system call. */
  readonly onProgress: () => void;
  /** Called with the index of each file before a blocking read, and with -1 after it. */
  readonly onFile: (index: number) => void;
  /** See `WideReaderOptions`. */
  readonly rootOf?: (path: string) => number | undefined;
}

/** Reads batches; on slow storage several at the same time. */
export class BatchReader {
  readonly #roots: StorageRoots;
  readonly #options: BatchReaderOptions;
  /** By storage root, if there are several: a slow one must not hold up the files of a fast one. */
  readonly #speeds = new Map<number | undefined, StorageSpeed>();
  readonly #blocking = new FileHeader();
  readonly #wide: WideReader;

  constructor(roots: StorageRoots, options: BatchReaderOptions) {
    this.#roots = roots;
    this.#options = options;
    this.#wide = new WideReader(roots, options);
  }

  /** Resolves to the rows and failures of the batch. Rejects only with errors that no file can cause. */
  async read(request: BatchRequest): Promise<Extract<WorkerMessage, { kind: 'batch' }>> {
    const latest = new LatestPerKey(request, timestampsJson(new Date()));
    const failures = noFailures();
    // Newest first, so that the JSON of an older version is never built.
    const order = request.paths.map((_, index) => index).sort((a, b) => compareFiles(request, b, a));
    const slow = this.#readFast(request, order, latest, failures);
    if (slow.length > 0) await this.#readWide(request, slow, latest, failures);
    this.#roots.releaseIdle();
    return { kind: 'batch', id: request.id, width: this.#width(request), ...latest.rows(), failures };
  }

  /** Reads the files on fast storage with blocking calls. Returns the others. */
  #readFast(
    request: BatchRequest,
    order: readonly number[],
    latest: LatestPerKey,
    failures: FailureLists,
  ): readonly number[] {
    const { mode, paths } = request;
    if (mode === 'concurrent') return order;
    return order.filter((index) => {
      const speed = this.#speedOf(paths[index] ?? '');
      if (mode === 'measured' && !speed.readsInPlace()) return true;
      this.#readInPlace(request, index, speed, latest, failures);
      return false;
    });
  }

  #speedOf(path: string): StorageSpeed {
    const root = this.#options.rootOf?.(path);
    const known = this.#speeds.get(root);
    if (known !== undefined) return known;
    const speed = new StorageSpeed();
    this.#speeds.set(root, speed);
    return speed;
  }

  /** The number of files to read at the same time, as the slowest root wants it; 0 if all are fast. */
  #width({ mode, width }: BatchRequest): number {
    if (mode === 'blocking') return 0;
    if (mode === 'concurrent') return width;
    return Math.max(0, ...[...this.#speeds.values()].map((speed) => speed.width(width)));
  }

  #readInPlace(
    request: BatchRequest,
    index: number,
    speed: StorageSpeed,
    latest: LatestPerKey,
    failures: FailureLists,
  ): void {
    const { onFile, onProgress } = this.#options;
    const header = this.#blocking;
    header.size = NOT_KNOWN;
    onFile(index);
    const start = performance.now();
    try {
      header.readNow(this.#openNow(request.paths[index] ?? '', start, speed), onProgress);
      speed.record(performance.now() - start);
      latest.offer(index, header.header);
    } catch (error) {
      addFailure(failures, index, error, { incomplete: isIncomplete(header.size, request.sizes[index]) });
    } finally {
      onFile(-1);
    }
  }

  #openNow(path: string, start: number, speed: StorageSpeed): number {
    try {
      return this.#roots.openNow(path, this.#options.onProgress);
    } catch (error) {
      speed.recordFailure(performance.now() - start);
      throw error;
    }
  }

  #readWide(
    request: BatchRequest,
    indexes: readonly number[],
    latest: LatestPerKey,
    failures: FailureLists,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      let left = indexes.length;
      /** Those that take long and are not done, by their index. */
      const slow = new Map<number, WideFile>();
      const finish = (index: number, size: number, use: () => void): void => {
        left--;
        slow.delete(index);
        try {
          try {
            use();
          } catch (error) {
            addFailure(failures, index, error, { incomplete: isIncomplete(size, request.sizes[index]) });
          }
        } catch (bug) {
          reject(bug);
        }
        if (left === 0) resolve();
        else leaveSlow();
      };
      const fail = (index: number, why: FailureKind) =>
        finish(index, NOT_KNOWN, () => addFailure(failures, index, new DicomReadError('read_timeout'), why));
      let mayLeave = request.leavesSlow;
      const leaveSlow = (): void => {
        // If most files of a batch take long, so does the storage: its other batches would not be done earlier.
        if (slow.size * 2 > indexes.length) mayLeave = false;
        if (!mayLeave || slow.size < left) return;
        for (const [index, file] of [...slow]) {
          this.#wide.leave(file);
          fail(index, { unfinished: true });
        }
      };
      const files = indexes.map((index): WideFile => {
        const file: WideFile = {
          path: request.paths[index] ?? '',
          onRead: ({ header, size }) => finish(index, size, () => latest.offer(index, header)),
          onError: (error, size) =>
            finish(index, size, () => {
              throw error;
            }),
          onNotAttempted: () => fail(index, { notAttempted: true }),
          onSlow: () => {
            slow.set(index, file);
            leaveSlow();
          },
          ...(request.leavesSlow ? { onUnfinished: () => fail(index, { unfinished: true }) } : {}),
        };
        return file;
      });
      this.#wide.read(files, this.#width(request), request.width);
    });
  }
}

/** Whether the file is shorter than announced, so that the missing part may not be written yet. */
function isIncomplete(size: number, announced = 0): boolean {
  return size !== NOT_KNOWN && size < announced;
}

/** See `HeaderFailure`. */
type FailureKind = Partial<Record<'incomplete' | 'notAttempted' | 'unfinished', boolean>>;

/** Throws errors that no file can cause. */
function addFailure(
  failures: FailureLists,
  index: number,
  error: unknown,
  { incomplete = false, notAttempted = false, unfinished = false }: FailureKind,
): void {
  const { code, attribute } = readFailure(error);
  failures.indexes.push(index);
  failures.codes.push(code);
  failures.attributes.push(attribute);
  failures.systemCodes.push(error instanceof DicomReadError ? undefined : systemCode(error));
  failures.incomplete.push(incomplete);
  failures.notAttempted.push(notAttempted);
  failures.unfinished.push(unfinished);
}
