/** Reads the files of a batch: in place where storage is fast, side by side where it is slow. */
import type { DicomReadError } from '../../errors.ts';
import { compareFiles, LatestPerKey, timestampsJson } from '../rows/latest-per-key.ts';
import { type OnProgress, runConcurrently } from './file-calls.ts';
import { toReadError } from './file-error.ts';
import { FileHeader, NOT_KNOWN } from './file-header.ts';
import type { BatchRequest, FailureLists, WorkerMessage } from './messages.ts';
import type { StorageRoots } from './storage-roots.ts';
import { StorageSpeed } from './storage-speed.ts';

/** Files that wait for slow storage together. */
const CONCURRENCY = 32;

export class BatchReader {
  readonly #roots: StorageRoots;
  readonly #onProgress: OnProgress;
  readonly #onFile: (index: number) => void;
  readonly #speed = new StorageSpeed();
  readonly #lanes: FileHeader[] = [new FileHeader()];

  /** `onProgress` is called after each file system call, `onFile` before each file that is read in place and, with -1, before a batch. */
  constructor(roots: StorageRoots, onProgress: OnProgress, onFile: (index: number) => void) {
    this.#roots = roots;
    this.#onProgress = onProgress;
    this.#onFile = onFile;
  }

  /** Rejects only on errors that no file can cause. */
  async read(request: BatchRequest): Promise<Extract<WorkerMessage, { kind: 'batch' }>> {
    this.#onFile(-1);
    const winners = new LatestPerKey(request, timestampsJson(new Date()));
    const failures: FailureLists = { indexes: [], codes: [], attributes: [], incomplete: [] };
    // Newest first: then no record is made only to be beaten.
    const order = request.paths.map((_, index) => index).sort((a, b) => compareFiles(request, b, a));
    const done = this.#readWhileFast(request, order, winners, failures);
    if (done < order.length) await this.#readSideBySide(request, order.slice(done), winners, failures);
    this.#roots.releaseIdle();
    return { kind: 'batch', id: request.id, ...winners.rows(), failures };
  }

  /** Returns how many files of `order` it has read: all of them unless the storage turned out to be slow. */
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
    const lane = this.#lane(0);
    lane.size = NOT_KNOWN;
    this.#onFile(index);
    const start = performance.now();
    try {
      lane.readNow(this.#roots.openNow(request.paths[index] ?? '', this.#onProgress), this.#onProgress);
      this.#speed.record(performance.now() - start);
      winners.offer(index, lane.header);
    } catch (error) {
      addFailure(failures, index, toReadError(error), isIncomplete(lane, request.sizes[index]));
    }
  }

  #readSideBySide(
    request: BatchRequest,
    indexes: readonly number[],
    winners: LatestPerKey,
    failures: FailureLists,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      let next = 0;
      let open = 0;
      const readNext = (lane: FileHeader): void => {
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
              addFailure(failures, index, toReadError(error), isIncomplete(lane, request.sizes[index]));
            } catch (bug) {
              reject(bug);
              return;
            }
          }
          readNext(lane);
        };
        runConcurrently(
          lane.read(this.#roots.open(request.paths[index] ?? '')),
          this.#onProgress,
          () => finish(() => winners.offer(index, lane.header)),
          (error) =>
            finish(() => {
              throw error;
            }),
        );
      };
      for (let lane = 0; lane < Math.min(CONCURRENCY, indexes.length); lane++) readNext(this.#lane(lane));
    });
  }

  #lane(number: number): FileHeader {
    const known = this.#lanes[number];
    if (known !== undefined) return known;
    const lane = new FileHeader();
    this.#lanes[number] = lane;
    return lane;
  }
}

/** Shorter than announced: whatever is wrong with it may be what hasn't been written yet. */
function isIncomplete({ size }: FileHeader, announced = 0): boolean {
  return size !== NOT_KNOWN && size < announced;
}

function addFailure(failures: FailureLists, index: number, error: DicomReadError, incomplete: boolean): void {
  failures.indexes.push(index);
  failures.codes.push(error.code);
  failures.attributes.push(error.attribute);
  failures.incomplete.push(incomplete);
}
