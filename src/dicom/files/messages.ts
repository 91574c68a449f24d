/**
 * Messages between the pool and its workers: one per batch in each direction. Fields are lists of strings and numbers,
 * because copying a list of strings between threads costs a fraction of copying a list of objects.
 */
import type { DicomReadErrorCode } from '../../errors.ts';
import type { MissingIdentity } from '../../ports.ts';

/** What a worker gets when it starts. */
export interface WorkerSettings {
  readonly storageRoots: readonly string[];
  /** A file that is read concurrently with others fails when it takes longer than this, in milliseconds. */
  readonly fileTimeoutMs: number;
  /** Two 32-bit counters shared with the pool: see `PROGRESS` and `CURRENT_FILE`. */
  readonly counters: SharedArrayBuffer;
}

/** Index of the number of finished file system calls. It doesn't change while a worker waits for the storage. */
export const PROGRESS = 0;
/** Index of the position, from 1, of the file that is being read with blocking calls; 0 if none is, `LOOKUP` during a blocking lookup. */
export const CURRENT_FILE = 1;
export const LOOKUP = -1;

/**
 * How files are read: one by one with blocking calls, many at the same time, or one of the two by the measured speed of
 * their storage root. `blocking` after a lost worker, so that `CURRENT_FILE` names the cause, and when concurrent reads
 * are off; `concurrent` after a file has blocked a thread for long.
 */
export type ReadMode = 'blocking' | 'concurrent' | 'measured';

/** The files of one batch; the n-th items of all lists describe one file. */
export interface BatchRequest {
  readonly kind: 'batch';
  readonly id: number;
  readonly mode: ReadMode;
  /** Whether to answer without the files that take long, when all others are done. */
  readonly leavesSlow: boolean;
  /** The maximum number of files that this worker may read at the same time. */
  readonly width: number;
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

/** Files to look up: which of them are missing? */
export interface LookupRequest {
  readonly kind: 'lookup';
  readonly id: number;
  readonly paths: readonly string[];
  /** Whether calls may block the thread. */
  readonly mayBlock: boolean;
}

/** Rows as lists: the n-th items of all lists form one row. */
export interface RowLists {
  readonly indexes: readonly number[];
  readonly identities: readonly string[];
  readonly keys: readonly string[];
  /** Length of each row's JSON in bytes. */
  readonly lengths: readonly number[];
}

/** Failed files as lists: the n-th items of all lists describe one file. */
export interface FailureLists {
  readonly indexes: number[];
  readonly codes: DicomReadErrorCode[];
  readonly attributes: (string | undefined)[];
  /** The system's code of a failed call, such as `EIO`. */
  readonly systemCodes: (string | undefined)[];
  /** Whether the file is shorter than the request said. */
  readonly incomplete: boolean[];
  /** Whether no read of the file was started, because the storage answers none of the started ones. */
  readonly notAttempted: boolean[];
  /** Whether the file is still being read, while the others of its batch are done. */
  readonly unfinished: boolean[];
}

/** The lists before the first failure. */
export function noFailures(): FailureLists {
  return { indexes: [], codes: [], attributes: [], systemCodes: [], incomplete: [], notAttempted: [], unfinished: [] };
}

/** A message of a worker: it is ready, it has read a batch or looked up files, or a batch failed because of a bug. */
export type WorkerMessage =
  | { readonly kind: 'ready' }
  | {
      readonly kind: 'batch';
      readonly id: number;
      /** The number of files to have in flight on slow storage; 0 when the storage is fast, so that CPUs are the limit. */
      readonly width: number;
      readonly states: RowLists;
      readonly images: RowLists;
      /**
       * UTF-8: the JSON of all states, then of all images, without separators. Transferred between threads, not copied.
       */
      readonly jsons: ArrayBuffer;
      readonly failures: FailureLists;
    }
  /** Whether each file is missing; undefined if the storage did not answer. */
  | { readonly kind: 'lookup'; readonly id: number; readonly missing: readonly (boolean | undefined)[] }
  /** An error that no file can cause. `where` is its name and its stack frames, never its message. */
  | { readonly kind: 'bug'; readonly id: number; readonly where: string };
