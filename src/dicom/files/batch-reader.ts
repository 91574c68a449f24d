/** Reads the files of a batch: one by one from fast storage, concurrently from slow storage. */
import { DicomReadError, systemCode } from '../../errors.ts';
import { compareFiles, LatestPerKey, timestampsJson } from '../rows/latest-per-key.ts';
import { type OnProgress, runConcurrently } from './file-calls.ts';
import { toReadError } from './file-error.ts';
import { FileHeader, NOT_KNOWN } from './file-header.ts';
import type { BatchRequest, FailureLists, WorkerMessage } from './messages.ts';
import type { StorageRoots } from './storage-roots.ts';
import { StorageSpeed } from './storage-speed.ts';

/** Number of files that are read concurrently from slow storage. */
const CONCURRENCY = 32;

/** Reads one batch at a time. */
export class BatchReader {
  readonly #roots: StorageRoots;
  readonly #onProgress: OnProgress;
  readonly #onFile: (index: number) => void;
  readonly #speed = new StorageSpeed();
  /** Each slot has the buffers for one file and is reused for the next. The first also serves blocking reads. */
  readonly #readSlots: FileHeader[] = [new FileHeader()];

  /**
   * `onProgress` is called after each file system call. `onFile` is called with the index of each file before a blocking
   * read, and with -1 before each batch.
   */
  constructor(roots: StorageRoots, onProgress: OnProgress, onFile: (index: number) => void) {
    this.#roots = roots;
    this.#onProgress = onProgress;
    this.#onFile = onFile;
  }

  /** Resolves to the rows and failures of the batch. Rejects only with errors that no file can cause. */
  async read(request: BatchRequest): Promise<Extract<WorkerMessage, { kind: 'batch' }>> {
    this.#onFile(-1);
    const latest = new LatestPerKey(request, timestampsJson(new Date()));
    const failures: FailureLists = { indexes: [], codes: [], attributes: [], systemCodes: [], incomplete: [] };
    // Newest first, so that the JSON of an older version is never built.
    const order = request.paths.map((_, index) => index).sort((a, b) => compareFiles(request, b, a));
    const done = this.#readWhileFast(request, order, latest, failures);
    if (done < order.length) await this.#readConcurrently(request, order.slice(done), latest, failures);
    this.#roots.releaseIdle();
    const waitedForStorage = this.#speed.slow && !request.sequential;
    return { kind: 'batch', id: request.id, waitedForStorage, ...latest.rows(), failures };
  }

  /** Reads files with blocking calls until the storage turns out to be slow. Returns the number of files read. */
  #readWhileFast(
    request: BatchRequest,
    order: readonly number[],
    latest: LatestPerKey,
    failures: FailureLists,
  ): number {
    const inPlace = request.sequential ? order.length : this.#speed.startBatch();
    let next = 0;
    while (next < order.length && (next < inPlace || !this.#speed.slow)) {
      this.#readInPlace(request, order[next] ?? 0, latest, failures);
      next++;
    }
    return next;
  }

  #readInPlace(request: BatchRequest, index: number, latest: LatestPerKey, failures: FailureLists): void {
    const slot = this.#readSlot(0);
    slot.size = NOT_KNOWN;
    this.#onFile(index);
    const start = performance.now();
    try {
      slot.readNow(this.#roots.openNow(request.paths[index] ?? '', this.#onProgress), this.#onProgress);
      this.#speed.record(performance.now() - start);
      latest.offer(index, slot.header);
    } catch (error) {
      addFailure(failures, index, error, isIncomplete(slot, request.sizes[index]));
    }
  }

  #readConcurrently(
    request: BatchRequest,
    indexes: readonly number[],
    latest: LatestPerKey,
    failures: FailureLists,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      let next = 0;
      let open = 0;
      const readNext = (slot: FileHeader): void => {
        const index = indexes[next++];
        if (index === undefined) {
          if (open === 0) resolve();
          return;
        }
        open++;
        const finish = (use: () => void): void => {
          open--;
          try {
            use();
          } catch (error) {
            try {
              addFailure(failures, index, error, isIncomplete(slot, request.sizes[index]));
            } catch (bug) {
              reject(bug);
              return;
            }
          }
          readNext(slot);
        };
        runConcurrently(
          slot.read(this.#roots.open(request.paths[index] ?? '')),
          this.#onProgress,
          () => finish(() => latest.offer(index, slot.header)),
          (error) =>
            finish(() => {
              throw error;
            }),
        );
      };
      for (let at = 0; at < Math.min(CONCURRENCY, indexes.length); at++) readNext(this.#readSlot(at));
    });
  }

  #readSlot(at: number): FileHeader {
    const slot = this.#readSlots[at] ?? new FileHeader();
    this.#readSlots[at] = slot;
    return slot;
  }
}

/** Whether the file is shorter than announced, so that the missing part may not be written yet. */
function isIncomplete({ size }: FileHeader, announced = 0): boolean {
  return size !== NOT_KNOWN && size < announced;
}

/** Throws errors that no file can cause. */
function addFailure(failures: FailureLists, index: number, error: unknown, incomplete: boolean): void {
  const { code, attribute } = toReadError(error);
  failures.indexes.push(index);
  failures.codes.push(code);
  failures.attributes.push(attribute);
  failures.systemCodes.push(error instanceof DicomReadError ? undefined : systemCode(error));
  failures.incomplete.push(incomplete);
}
