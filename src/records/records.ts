/**
 * The records of the topology, in the order of processing: `ConsumedRecord` → `ParsedRecord` → `GroupedBatch` (rows for
 * databases and topics, dead letters) → `AcknowledgedBatch`.
 */
import type { DicomReadError, ParseError, SinkError } from '../errors.ts';
import type { Version } from './version.ts';

/** A header of a Kafka record. Names may repeat, and order is significant. */
export type RecordHeader = readonly [name: string, value: Buffer | null];

/**
 * The origin of a record: an opaque token that only the record's source can read. Operators and sinks pass it on and
 * compare it by identity. Each source derives its own class. The type is nominal: neither another object nor a copy by
 * spread is an Origin.
 */
export abstract class Origin {
  declare protected readonly opaque: true;
}

/** One consumed record. Its bytes are kept because a dead letter contains them unchanged. */
export interface ConsumedRecord {
  readonly origin: Origin;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly RecordHeader[];
  /** In milliseconds since the epoch, as the topic has it; undefined when the record has none. */
  readonly timestamp?: number | undefined;
}

/** A record that can never be processed, with the error: it goes to the dead-letter topic. */
export interface PoisonRecord {
  readonly kind: 'poison';
  readonly source: ConsumedRecord;
  readonly error: ParseError | DicomReadError | SinkError;
}

/** One file to read, as its message describes it. */
export interface FileToRead {
  /** Identifies the file's record in every attempt to read it. */
  readonly source?: object;
  readonly tenantId: string;
  readonly path: string;
  readonly size: number;
  /** Used where the file has no PatientID. */
  readonly patientId: string;
  /** `YYYY-MM-DD`, used where the file has no StudyDate. */
  readonly studyDate: string;
  readonly version: Version;
}

/**
 * A record that is a valid DicomStoreMeta: one stored file. Only the fields that later stages need are kept, because
 * thousands of records are in flight and the garbage collector copies what they hold.
 */
export interface StoredFile extends FileToRead {
  readonly kind: 'file';
  readonly source: ConsumedRecord;
  /** Its row of `dicom_object_meta`. */
  readonly object: Row;
}

/** A consumed record after parsing. */
export type ParsedRecord = StoredFile | PoisonRecord;

/** A row of a table. Its JSON is serialised once, for the table and for the output topic. */
export interface Row {
  /** The table's primary key, its parts joined by NUL: rows are compared and sorted by it. */
  readonly identity: string;
  readonly version: Version;
  /** One JSON object in UTF-8, with the column names of docs/contract.md. */
  readonly json: Buffer;
}

/** A row that is also published to an output topic. */
export interface PublishedRow extends Row {
  /** The record's key in the output topic: md5 hex (docs/contract.md, "Topics"). */
  readonly key: string;
}

/**
 * The rows of one input record. `state` and `image` are set only on the record with the greatest version of its key in
 * the batch, so each key occurs once per batch.
 */
export interface GroupedRecord {
  readonly file: StoredFile;
  /** Null only where another engine passes states and images on without their object. */
  readonly object: Row | null;
  readonly state: PublishedRow | null;
  readonly image: PublishedRow | null;
}

/** What a custom topology makes of one consumed record: a value of any type, instead of a `GroupedRecord`. */
export interface Processed<T> {
  readonly source: ConsumedRecord;
  readonly value: T;
}

/** One record of a batch: a `GroupedRecord`, or a `Processed` one of another topology. */
export type BatchRecord = { readonly file: StoredFile } | { readonly source: ConsumedRecord };

/** The consumed record that a record of a batch, or a rejection, comes from. */
export function sourceOf(record: BatchRecord): ConsumedRecord {
  return 'file' in record ? record.file.source : record.source;
}

/** One batch after the processors: the input of every sink. */
export interface Batch<R extends BatchRecord> {
  /** The origins of all records of the batch, poison included. Acknowledged when every sink has accepted the batch. */
  readonly origins: readonly Origin[];
  /** The records to store and to publish. */
  readonly grouped: readonly R[];
  /**
   * Resolves to all of `grouped`, each with its own state and image row. Needed when a record with the greatest version of a key is
   * rejected. Reads the headers again at the first call. When undefined, each record of `grouped` already carries its rows.
   */
  readonly withAllRows?: () => Promise<readonly R[]>;
  readonly poison: readonly PoisonRecord[];
  /** When the batch was full or its period was over, by `performance.now()`. */
  readonly closedAt: number;
}

/** One batch after reading and grouping its headers. */
export type GroupedBatch = Batch<GroupedRecord>;

/** A batch that every sink has accepted. `poison` includes the records that sinks rejected. */
export type StoredBatch = GroupedBatch;

/**
 * The records of one partition in a batch, for the log. The batch may lack offsets between `first` and `last`.
 */
export interface OffsetRange {
  readonly topic: string;
  readonly partition: number;
  readonly first: number;
  readonly last: number;
  readonly records: number;
}

/** Summary of an acknowledged batch, without record content, so that its log line can't contain patient data. */
export interface AcknowledgedBatch {
  /** Empty when the source has no offsets. */
  readonly ranges: readonly OffsetRange[];
  readonly records: number;
  /** The numbers of state and image rows. 0 in a topology with other records. */
  readonly states: number;
  readonly images: number;
  readonly deadLetters: number;
  /** Dead letters by error code (`not_json`, `file_missing`, …). */
  readonly deadLetterCodes: Readonly<Record<string, number>>;
  /**
   * Time from when the batch was full or its period was over to its acknowledgement, in milliseconds. Waits for files are
   * included.
   */
  readonly durationMs: number;
}

/** A record that a sink can never accept. It is dead-lettered. `file` or `source` identifies it, as in the batch. */
export type Rejection<R extends BatchRecord = GroupedRecord> = (R extends { readonly file: StoredFile }
  ? { readonly file: StoredFile }
  : { readonly source: ConsumedRecord }) & { readonly error: SinkError };

/** The rejection of a record of a batch. */
export function rejectionOf<R extends BatchRecord>(record: R, error: SinkError): Rejection<R>;
export function rejectionOf(record: BatchRecord, error: SinkError): Rejection | Rejection<Processed<unknown>> {
  return 'file' in record ? { file: record.file, error } : { source: record.source, error };
}
