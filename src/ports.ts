/**
 * The ports of the topology: what `topology/topology.ts` needs from clients, without a type of any client.
 * `topology/build-nodes.ts` builds the real nodes from the configuration; tests use nodes in memory.
 */
import type { Observable } from 'rxjs';
import type { DicomReadError } from './errors.ts';
import type {
  Batch,
  BatchRecord,
  ConsumedRecord,
  FileToRead,
  GroupedRecord,
  OffsetRange,
  Origin,
  Rejection,
} from './records/records.ts';

/** What a record waits for: its file, or a storage root that can't be used. */
export type WaitReason = 'file_wait' | 'storage_outage';

/** Why a record is held: it waits, or a database, a topic or the dead-letter topic fails and is retried with it. */
export type HoldReason = WaitReason | 'sink_retry' | 'dead_letter_retry';

/** The records of a call to a sink that is retried. */
export interface RetriedRecords {
  readonly reason: HoldReason;
  readonly origins: readonly Origin[];
}

/**
 * The emitted records that wait for something that may take long, e.g. their files. They don't count as in flight; the source limits
 * their number and size separately. Records of revoked partitions are no longer wanted: their next owner consumes them again.
 */
export interface WaitingRecords {
  /** Emits after records that may wait have ceased to be wanted. */
  readonly revoked$: Observable<void>;
  /** Whether the record is still to be processed. */
  isWanted(record: Pick<ConsumedRecord, 'origin'>): boolean;
  /** To be called when records begin to wait. Ignores those that are no longer wanted. */
  waits(records: readonly ConsumedRecord[], reason: WaitReason): void;
  /** How many of the `due` records may be resumed now. Resumed records count as in flight again. */
  resumable(due: number): number;
  /**
   * Which due records are to be resumed although none is resumable: others can't be committed before these are done. The returned function
   * is for one pass over the due records. Default: none.
   */
  urgent?(): (record: Pick<ConsumedRecord, 'origin'>) => boolean;
  /** To be called when records no longer wait. Acknowledging them has the same effect. */
  resumes(records: readonly ConsumedRecord[]): void;
}

/** Emits the records to process. */
export interface Source {
  readonly name: string;
  readonly topics: readonly string[];
  /**
   * Subscribing starts consumption. The source limits the number of emitted records that are not acknowledged, in flight
   * and waiting, so no operator needs an unbounded buffer. Completes after `stop()`; errors only when a retry can't help.
   */
  readonly records$: Observable<ConsumedRecord>;
  readonly waiting: WaitingRecords;
  /** Stops consumption: no record is emitted after the promise resolves. Emitted records may still be acknowledged. */
  stop(): Promise<void>;
  /** Commits the acknowledged records and leaves the group. */
  close(): Promise<void>;
}

/** Tracks acknowledged records, so that their offsets can be committed. */
export interface Offsets {
  /**
   * Acknowledges records whose output every sink has durably accepted. Batches may be acknowledged in any order: a
   * partition's committable offset advances only over records without a gap. Returns the records' offsets for the log.
   */
  ack(origins: readonly Origin[]): readonly OffsetRange[];
}

/** The state or image record of one file, as stored and published. */
export interface HeaderRow {
  /** The index of its file in the request. */
  readonly index: number;
  /** The table's primary key, its parts joined by NUL. */
  readonly identity: string;
  /** The record's key in the output topic. */
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

/** A file of the batch whose header could not be read. */
export interface HeaderFailure {
  readonly index: number;
  readonly error: DicomReadError;
  /** The system's code of the failed call, such as `EIO`. */
  readonly systemCode?: string;
  /** The file is shorter than the message announced: its writer may not have finished. */
  readonly incomplete?: boolean;
  /**
   * The file was not tried: every reader thread is blocked in the storage, or the storage root can't be used. It is
   * retried without a time limit.
   */
  readonly notAttempted?: boolean;
  /** The file is still being read and takes long. The next attempt waits for the same reading. */
  readonly unfinished?: boolean;
}

/**
 * How a file without PatientID or StudyDate is handled, which DICOM allows to be empty: with the message's values, or as
 * a dead letter (docs/contract.md, "Identity").
 */
export type MissingIdentity = 'use_message' | 'dead_letter';

/** Why a reader thread was replaced: a file blocked it for a second, its calls made no progress for `read_timeout`, or it died. */
export type WorkerLoss = 'blocked' | 'read_timeout' | 'died';

/** Reads DICOM headers, one batch per call, outside the main thread. Looks up files that are awaited. */
export interface HeaderReader {
  /** Rejects only when the reader itself fails, e.g. because no worker starts; errors of single files are in `failures`. */
  read(files: readonly FileToRead[]): Promise<HeaderBatch>;
  /**
   * Whether each of these files, which were missing when they were read last, is still missing; undefined if the storage did not answer:
   * that time doesn't count as waited. Those that aren't known to be missing are read. Costs much less than reading them. A reader without
   * it reads them again.
   */
  readonly stillMissing?: ((paths: readonly string[]) => Promise<readonly (boolean | undefined)[]>) | undefined;
  /** The storage root of a file, if there are several. Files of different roots are looked up in different calls: one root may not answer. */
  readonly rootOf?: ((path: string) => number | undefined) | undefined;
  /** Ends the reader's threads. Reads in progress are abandoned. */
  close(): Promise<void>;
}

/** What a sink writes to, as `describe` shows it. */
export interface SinkTarget {
  readonly kind: 'database' | 'topic' | 'dead_letter';
  /** The database's product or the topic: `PostgreSQL`, `dicom_state_queue`. */
  readonly name: string;
}

/** A database, an output topic or the dead-letter topic. `R` is the type of the records in its batches. */
export interface Sink<R extends BatchRecord = GroupedRecord> {
  /** What it writes to. Default: its name, as a database if it `storesByVersion`, otherwise as a topic. */
  readonly target?: SinkTarget;
  /**
   * Whether the sink keeps the greatest version of each key, as databases do. After a rejection, such a sink stores the
   * next greatest version itself, and no row needs to be written to it again when another sink rejects a record.
   */
  readonly storesByVersion?: boolean;
  /** The node's name in errors and logs: its label in the configuration. */
  readonly name: string;
  /** Connects, or rejects with a SinkError. Called again with backoff after a transient failure. */
  connect(): Promise<void>;
  /**
   * Resolves when this sink's part of the batch is durable, to the records that it can never accept; all others are
   * stored. Rejects with a SinkError when the batch must be retried or the topology must fail. Idempotent: a batch may be
   * written again.
   */
  write(batch: Batch<R>): Promise<readonly Rejection<R>[]>;
  /** Releases the connections. Called once, after the last write has settled or been abandoned. */
  close(): Promise<void>;
}

/** Which records a transaction can commit. Records in neither set are not to be committed: their partition was revoked. */
export interface Admission {
  readonly now: ReadonlySet<Origin>;
  /** Records that it can commit only after older ones of their partition. */
  readonly later: ReadonlySet<Origin>;
}

/** A sink for the `poison` of batches of any type. It rejects no record. */
export interface DeadLetterSink extends Omit<Sink, 'write'> {
  /** Resolves when the dead letters of the batch are durable. Rejects with a SinkError. Ignores the other records. */
  write(batch: Batch<BatchRecord>): Promise<readonly never[]>;
}

/** A topic that a transaction publishes to, as `describe` shows it. */
export interface OutputNode {
  /** The node's name. */
  readonly name: string;
  readonly target: SinkTarget;
}

/** Commits output records and offsets atomically: both become visible to read_committed consumers, or neither. */
export interface Transaction<R extends BatchRecord = GroupedRecord> {
  /** The node's name in errors and logs. */
  readonly name: string;
  /** The topics that it publishes to, the dead-letter topic last. */
  readonly outputs: readonly OutputNode[];
  /** Connects, or rejects with a SinkError. Called again with backoff after a transient failure. */
  connect(): Promise<void>;
  /** Aborts the open transaction and disconnects. Never rejects. */
  close(): Promise<void>;
  /**
   * Publishes the records of the batches, dead letters included, and commits their offsets in one transaction. All
   * records must be admitted; their order doesn't matter. Resolves to each batch's offsets for the log. Rejects with a
   * SinkError after aborting the transaction: with RefusedOutputs or RefusedDeadLetters when a topic refused single
   * records. With `unknown`, the transaction may have been committed, so it must not be repeated.
   */
  commit(batches: readonly Batch<R>[]): Promise<readonly (readonly OffsetRange[])[]>;
  /** Says which of these records one transaction can commit now. */
  admit(origins: readonly Origin[]): Admission;
}
