/** Reads the files of a batch: one by one from fast storage, many at the same time from slow storage. */
import { DicomReadError, systemCode } from '../../errors.ts';
import { compareFiles, LatestPerKey, timestampsJson } from '../rows/latest-per-key.ts';
import { readFailure } from './file-error.ts';
import { FileHeader, NOT_KNOWN } from './file-header.ts';
import { type BatchRequest, type FailureLists, noFailures, type WorkerMessage } from './messages.ts';
import type { StorageRoots } from './storage-roots.ts';
import { StorageSpeed } from './storage-speed.ts';
import { WideReader } from './wide-reader.ts';

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
  readonly #speed = new StorageSpeed();
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
    const done = this.#readWhileFast(request, order, latest, failures);
    if (done < order.length) await this.#readWide(request, order.slice(done), latest, failures);
    this.#roots.releaseIdle();
    const width = request.sequential ? 0 : this.#speed.width(request.width);
    return { kind: 'batch', id: request.id, width, ...latest.rows(), failures };
  }

  /** Reads files with blocking calls until the storage turns out to be slow. Returns the number of files read. */
  #readWhileFast(
    request: BatchRequest,
    order: readonly number[],
    latest: LatestPerKey,
    failures: FailureLists,
  ): number {
    let next = 0;
    while (next < order.length && (request.sequential || this.#speed.readsInPlace())) {
      this.#readInPlace(request, order[next] ?? 0, latest, failures);
      next++;
    }
    return next;
  }

  #readInPlace(request: BatchRequest, index: number, latest: LatestPerKey, failures: FailureLists): void {
    const { onFile, onProgress } = this.#options;
    const header = this.#blocking;
    header.size = NOT_KNOWN;
    onFile(index);
    const start = performance.now();
    try {
      header.readNow(this.#openNow(request.paths[index] ?? '', start), onProgress);
      this.#speed.record(performance.now() - start);
      latest.offer(index, header.header);
    } catch (error) {
      addFailure(failures, index, error, isIncomplete(header.size, request.sizes[index]));
    } finally {
      onFile(-1);
    }
  }

  #openNow(path: string, start: number): number {
    try {
      return this.#roots.openNow(path, this.#options.onProgress);
    } catch (error) {
      this.#speed.recordFailure(performance.now() - start);
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
      const finish = (index: number, size: number, use: () => void): void => {
        left--;
        try {
          try {
            use();
          } catch (error) {
            addFailure(failures, index, error, isIncomplete(size, request.sizes[index]));
          }
        } catch (bug) {
          reject(bug);
        }
        if (left === 0) resolve();
      };
      const files = indexes.map((index) => ({
        path: request.paths[index] ?? '',
        onRead: ({ header, size }: FileHeader) => finish(index, size, () => latest.offer(index, header)),
        onError: (error: unknown, size: number) =>
          finish(index, size, () => {
            throw error;
          }),
        onNotAttempted: () =>
          finish(index, NOT_KNOWN, () => addFailure(failures, index, new DicomReadError('read_timeout'), false, true)),
      }));
      this.#wide.read(files, this.#speed.width(request.width), request.width);
    });
  }
}

/** Whether the file is shorter than announced, so that the missing part may not be written yet. */
function isIncomplete(size: number, announced = 0): boolean {
  return size !== NOT_KNOWN && size < announced;
}

/** Throws errors that no file can cause. */
function addFailure(
  failures: FailureLists,
  index: number,
  error: unknown,
  incomplete: boolean,
  notAttempted = false,
): void {
  const { code, attribute } = readFailure(error);
  failures.indexes.push(index);
  failures.codes.push(code);
  failures.attributes.push(attribute);
  failures.systemCodes.push(error instanceof DicomReadError ? undefined : systemCode(error));
  failures.incomplete.push(incomplete);
  failures.notAttempted.push(notAttempted);
}
