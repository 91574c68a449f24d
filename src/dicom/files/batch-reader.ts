/** Reads the files of a batch: one after the other where storage is fast, concurrently where it is slow. */
import type { DicomReadError } from '../../errors.ts';
import { compareFiles, LatestPerKey, timestampsJson } from '../rows/latest-per-key.ts';
import { type OnProgress, runConcurrently } from './file-calls.ts';
import { toReadError } from './file-error.ts';
import { FileHeader, NOT_KNOWN } from './file-header.ts';
import type { BatchRequest, FailureLists, WorkerMessage } from './messages.ts';
import type { StorageRoots } from './storage-roots.ts';
import { StorageSpeed } from './storage-speed.ts';

/** Files of a batch that are read at the same time from slow storage. */
const CONCURRENCY = 32;

export class BatchReader {
  readonly #roots: StorageRoots;
  readonly #onProgress: OnProgress;
  readonly #onFile: (index: number) => void;
  readonly #speed = new StorageSpeed();
  /** ReadSlot: the buffers for one file at a time, reused for the next. The first also serves reads in place. */
  readonly #readSlots: FileHeader[] = [new FileHeader()];

  /**
   * `onProgress` is called after each file system call; `onFile` before each file read in place, and with -1 before a
   * batch.
   */
  constructor(roots: StorageRoots, onProgress: OnProgress, onFile: (index: number) => void) {
    this.#roots = roots;
    this.#onProgress = onProgress;
    this.#onFile = onFile;
  }

  /** Rejects only with errors that no file can cause. */
  async read(request: BatchRequest): Promise<Extract<WorkerMessage, { kind: 'batch' }>> {
    this.#onFile(-1);
    const winners = new LatestPerKey(request, timestampsJson(new Date()));
    const failures: FailureLists = { indexes: [], codes: [], attributes: [], incomplete: [] };
    // Newest first: the JSON of a record that loses is then never built.
    const order = request.paths.map((_, index) => index).sort((a, b) => compareFiles(request, b, a));
    const done = this.#readWhileFast(request, order, winners, failures);
    if (done < order.length) await this.#readConcurrently(request, order.slice(done), winners, failures);
    this.#roots.releaseIdle();
    const waitedForStorage = this.#speed.slow && !request.sequential;
    return { kind: 'batch', id: request.id, waitedForStorage, ...winners.rows(), failures };
  }

  /** Returns how many files of `order` were read: all of them unless the storage turned out to be slow. */
  #readWhileFast(
    request: BatchRequest,
    order: readonly number[],
    winners: LatestPerKey,
    failures: FailureLists,
  ): number {
    const inPlace = request.sequential ? order.length : this.#speed.startBatch();
    let next = 0;
    while (next < order.length && (next < inPlace || !this.#speed.slow)) {
      this.#readInPlace(request, order[next] ?? 0, winners, failures);
      next++;
    }
    return next;
  }

  #readInPlace(request: BatchRequest, index: number, winners: LatestPerKey, failures: FailureLists): void {
    const slot = this.#readSlot(0);
    slot.size = NOT_KNOWN;
    this.#onFile(index);
    const start = performance.now();
    try {
      slot.readNow(this.#roots.openNow(request.paths[index] ?? '', this.#onProgress), this.#onProgress);
      this.#speed.record(performance.now() - start);
      winners.offer(index, slot.header);
    } catch (error) {
      addFailure(failures, index, toReadError(error), isIncomplete(slot, request.sizes[index]));
    }
  }

  #readConcurrently(
    request: BatchRequest,
    indexes: readonly number[],
    winners: LatestPerKey,
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
              addFailure(failures, index, toReadError(error), isIncomplete(slot, request.sizes[index]));
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
          () => finish(() => winners.offer(index, slot.header)),
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

/** Shorter than the record says: whatever is wrong with the file may not have been written yet. */
function isIncomplete({ size }: FileHeader, announced = 0): boolean {
  return size !== NOT_KNOWN && size < announced;
}

function addFailure(failures: FailureLists, index: number, error: DicomReadError, incomplete: boolean): void {
  failures.indexes.push(index);
  failures.codes.push(error.code);
  failures.attributes.push(error.attribute);
  failures.incomplete.push(incomplete);
}
