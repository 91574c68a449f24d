/**
 * The ports of the graph: what `topology.ts` needs from the world, and nothing of any client. `build-nodes.ts` makes them from the
 * configuration; tests make them from memory.
 */
import type { Observable } from 'rxjs';
import type { DicomReadError } from './errors.ts';
import type {
  ConsumedRecord,
  FileToRead,
  GroupedBatch,
  OffsetRange,
  Origin,
  Rejection,
  StoredBatch,
} from './records/records.ts';

/** Where records come from. */
export interface Source {
  readonly name: string;
  readonly topics: readonly string[];
  /**
   * Subscribing starts the intake. The source keeps the number of records that are emitted and not yet acked under its limit, so
   * nothing behind it needs an unbounded buffer. Completes after `stop()`; errors only on what no retry can mend.
   */
  readonly records$: Observable<ConsumedRecord>;
  /** Ends the intake: no record is emitted after the promise resolves. What has been emitted may still be acked. */
  stop(): Promise<void>;
  /** Commits what was acked and leaves the group. */
  close(): Promise<void>;
}

/** Where acknowledged records are counted, so that their offsets can be committed. */
export interface Offsets {
  /**
   * Called when every sink has durably accepted the output of these records. Batches may come in any order; a partition's
   * committable offset moves when the gap below it closes. Returns the records' offsets for the log.
   */
  ack(origins: readonly Origin[]): readonly OffsetRange[];
}

/** The state or image record of one file, as it is stored and published. */
export interface HeaderRow {
  /** Which file of the request it came from: its position there. */
  readonly index: number;
  readonly identity: string;
  readonly key: string;
  /** UTF-8. The rows of a batch may share the memory behind. */
  readonly json: Buffer;
}

/** The headers of one batch of files, reduced to one row per key (contract, "Group: which record wins"). */
export interface HeaderBatch {
  readonly states: readonly HeaderRow[];
  readonly images: readonly HeaderRow[];
  readonly failures: readonly HeaderFailure[];
}

export interface HeaderFailure {
  readonly index: number;
  readonly error: DicomReadError;
  /** The file is shorter than the message says it is: it may still be being written. */
  readonly incomplete?: boolean;
  /** The storage could not be asked for the file: every thread hangs in it, or its root can't be used. Retried without a time limit. */
  readonly notAttempted?: boolean;
}

/**
 * What becomes of a file without PatientID or StudyDate, which DICOM allows to be empty: the message's values are used, or the record is
 * dead-lettered (docs/contract.md, "Identity").
 */
export type MissingIdentity = 'use_message' | 'dead_letter';

/** Reads DICOM headers, a batch at a time, off the main thread. */
export interface HeaderReader {
  /** Rejects only if the reader itself failed (a worker died twice); a file's own failure is in `failures`. */
  read(files: readonly FileToRead[]): Promise<HeaderBatch>;
  close(): Promise<void>;
}

/** One end of a branch: a database, or the output topics, or the dead-letter topic. */
export interface Sink {
  /**
   * Whether it keeps the greatest version of each key, as databases do. Where such a sink refuses a record it stores the rows that the
   * refused one covered by itself, and it needs nothing again for a record that another sink refused.
   */
  readonly storesByVersion?: boolean;
  /** The node's name: the label in the configuration, in metrics and in errors. */
  readonly name: string;
  /** Makes it ready, or rejects with a SinkError; called again, with backoff, until it resolves. */
  connect(): Promise<void>;
  /**
   * Resolves when everything of the batch that concerns this sink is durable; what it can never accept is returned, the rest of
   * the batch stored all the same. Rejects with a SinkError when the batch as a whole should be tried again or the service must stop;
   * writing a batch again is harmless.
   */
  write(batch: GroupedBatch): Promise<readonly Rejection[]>;
  close(): Promise<void>;
}

/** The output topics and the offsets as one: a reader of committed records sees both or neither. */
export interface Transaction {
  /** The node's name, in errors and log lines. */
  readonly name: string;
  /**
   * Publishes what the batches hold, dead letters included, and commits their offsets, in one transaction. The batches are the next ones
   * in the order of consumption, without a gap. Resolves with each batch's offsets for the log. Rejects with a SinkError after it
   * aborted the transaction; then nothing of it is visible.
   */
  commit(batches: readonly StoredBatch[]): Promise<readonly (readonly OffsetRange[])[]>;
}
