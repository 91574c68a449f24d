/**
 * What goes between the pool and its workers: one message a batch in each direction, its fields as lists of strings and numbers, since
 * copying a list of strings costs a fraction of copying as many objects.
 */
import type { DicomReadErrorCode } from '../../errors.ts';

export interface WorkerSettings {
  readonly storageRoots: readonly string[];
  /** Two 32-bit counters shared with the pool: see `PROGRESS` and `CURRENT_FILE`. */
  readonly counters: SharedArrayBuffer;
}

/** Counts finished file system calls: a worker whose counter stands still is waiting for storage. */
export const PROGRESS = 0;
/** Position of the file that a sequential batch is at, counted from 1: the one at fault if the worker doesn't come back. */
export const CURRENT_FILE = 1;

export interface BatchRequest {
  readonly id: number;
  /** Read one file after the other, in place. So after a failure: then a hang blocks no thread but the worker's own. */
  readonly sequential: boolean;
  readonly tenantIds: readonly string[];
  readonly paths: readonly string[];
  readonly sizes: readonly number[];
  readonly times: readonly string[];
  readonly traceIds: readonly string[];
}

/** Rows in columns: the n-th of each list belongs to one row. */
export interface RowLists {
  readonly indexes: readonly number[];
  readonly identities: readonly string[];
  readonly keys: readonly string[];
  /** How many bytes its JSON takes. */
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
      readonly states: RowLists;
      readonly images: RowLists;
      /** The JSON of all states and then of all images, in UTF-8, without anything between. Moved from thread to thread, not copied. */
      readonly jsons: ArrayBuffer;
      readonly failures: FailureLists;
    }
  /** An error that no file can cause. `where` is its name and the places of its stack, never its message. */
  | { readonly kind: 'bug'; readonly id: number; readonly where: string };
