/**
 * Messages between the pool and its workers: one per batch in each direction. Fields are lists of strings and numbers,
 * because copying one list of strings between threads costs a fraction of copying as many objects.
 */
import type { DicomReadErrorCode } from '../../errors.ts';
import type { MissingIdentity } from '../../ports.ts';

export interface WorkerSettings {
  readonly storageRoots: readonly string[];
  /** Two 32-bit counters shared with the pool: see `PROGRESS` and `CURRENT_FILE`. */
  readonly counters: SharedArrayBuffer;
}

/** Number of finished file system calls. A worker whose counter doesn't change is waiting for the storage. */
export const PROGRESS = 0;
/** Position, from 1, of the file that a sequential batch is reading: the one held responsible if the worker is lost. */
export const CURRENT_FILE = 1;

export interface BatchRequest {
  readonly id: number;
  /**
   * Read one file after the other with blocking calls. Set after a lost worker, so that `CURRENT_FILE` names the cause,
   * and where concurrent reads are off.
   */
  readonly sequential: boolean;
  readonly tenantIds: readonly string[];
  readonly paths: readonly string[];
  readonly sizes: readonly number[];
  readonly patientIds: readonly string[];
  /** `YYYY-MM-DD`. */
  readonly studyDates: readonly string[];
  readonly missingIdentity: MissingIdentity;
  readonly times: readonly string[];
  readonly traceIds: readonly string[];
}

/** Rows as columns: the n-th items of all lists form one row. */
export interface RowLists {
  readonly indexes: readonly number[];
  readonly identities: readonly string[];
  readonly keys: readonly string[];
  /** Length of each row's JSON in bytes. */
  readonly lengths: readonly number[];
}

export interface FailureLists {
  readonly indexes: number[];
  readonly codes: DicomReadErrorCode[];
  readonly attributes: (string | undefined)[];
  /** Whether the file is shorter than the request said. */
  readonly incomplete: boolean[];
}

export type WorkerMessage =
  | { readonly kind: 'ready' }
  | {
      readonly kind: 'batch';
      readonly id: number;
      /** The storage was slow: the worker spent its time waiting for it, not on a CPU. */
      readonly waitedForStorage: boolean;
      readonly states: RowLists;
      readonly images: RowLists;
      /**
       * UTF-8: the JSON of all states, then of all images, without separators. Transferred between threads, not copied.
       */
      readonly jsons: ArrayBuffer;
      readonly failures: FailureLists;
    }
  /** An error that no file can cause. `where` is its name and its stack frames, never its message. */
  | { readonly kind: 'bug'; readonly id: number; readonly where: string };
