/**
 * The ports of the topology: what `topology/topology.ts` needs from clients, without a type of any client.
 * `topology/build-nodes.ts` builds the real nodes from the configuration; tests use nodes in memory.
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

/** Emits the records to process. */
export interface Source {
  readonly name: string;
  readonly topics: readonly string[];
  /**
   * Subscribing starts consumption. The source limits the number of emitted records that are not acknowledged yet, so
   * no operator needs an unbounded buffer. Completes after `stop()`; errors only when no retry can help.
   */
  readonly records$: Observable<ConsumedRecord>;
  /** Stops consumption: no record is emitted after the promise resolves. Emitted records may still be acknowledged. */
  stop(): Promise<void>;
  /** Commits the acknowledged records and leaves the group. */
  close(): Promise<void>;
}

/** Tracks acknowledged records, so that their offsets can be committed. */
export interface Offsets {
  /**
   * Called when every sink has durably accepted the output of these records. Batches may come in any order; a
   * partition's committable offset moves when the gap below it closes. Returns the records' offsets for the log.
   */
  ack(origins: readonly Origin[]): readonly OffsetRange[];
}

/** The state or image record of one file, as it is stored and published. */
export interface HeaderRow {
  /** The index of its file in the request. */
  readonly index: number;
  readonly identity: string;
  readonly key: string;
  /** UTF-8. The rows of a batch may be views of one buffer. */
  readonly json: Buffer;
}

/** The headers of one batch of files, reduced to one row per key (docs/contract.md, "Which record wins"). */
export interface HeaderBatch {
  readonly states: readonly HeaderRow[];
  readonly images: readonly HeaderRow[];
  readonly failures: readonly HeaderFailure[];
}

export interface HeaderFailure {
  readonly index: number;
  readonly error: DicomReadError;
  /** The file is shorter than the message announced: its writer may not have finished. */
  readonly incomplete?: boolean;
  /**
   * The storage could not be asked for the file: every thread hangs in it, or its root can't be used. Retried without a
   * time limit.
   */
  readonly notAttempted?: boolean;
}

/**
 * What becomes of a file without PatientID or StudyDate, which DICOM allows to be empty: the message's values are used,
 * or the record is dead-lettered (docs/contract.md, "Identity").
 */
export type MissingIdentity = 'use_message' | 'dead_letter';

/** Reads DICOM headers, one batch per call, outside the main thread. */
export interface HeaderReader {
  /** Rejects only when the reader itself fails (a worker died twice); errors of single files are in `failures`. */
  read(files: readonly FileToRead[]): Promise<HeaderBatch>;
  close(): Promise<void>;
}

/** A database, an output topic or the dead-letter topic. */
export interface Sink {
  /**
   * Whether it keeps the greatest version of each key, as databases do. Where such a sink refuses a record it stores the rows that the
   * refused one covered by itself, and it needs nothing again for a record that another sink refused.
   */
  readonly storesByVersion?: boolean;
  /** The node's name in errors and logs: its label in the configuration. */
  readonly name: string;
  /** Connects, or rejects with a SinkError. Called again with backoff until it resolves. */
  connect(): Promise<void>;
  /**
   * Resolves when this sink's part of the batch is durable. Returns the records that it can never accept; all others
   * are stored. Rejects with a SinkError when the whole batch must be retried or the service must stop. Idempotent: a
   * batch may be written again.
   */
  write(batch: GroupedBatch): Promise<readonly Rejection[]>;
  close(): Promise<void>;
}

/** Commits output records and offsets together: a consumer with read_committed isolation sees both or neither. */
export interface Transaction {
  /** The node's name, in errors and log lines. */
  readonly name: string;
  /**
   * Publishes the records of the batches, dead letters included, and commits their offsets in one transaction. Batches
   * are passed in the order of consumption of each partition, without a gap. Resolves with each batch's offsets for the
   * log. Rejects with a SinkError after aborting the transaction: with RefusedOutputs or RefusedDeadLetters when a topic
   * refused single records.
   */
  commit(batches: readonly StoredBatch[]): Promise<readonly (readonly OffsetRange[])[]>;
  /** The partition of a record: offsets are committed per partition, so its records must be committed in order. */
  partitionOf(origin: Origin): string;
}
