/**
 * The service on one page: consume → parse → buffer → group → fork → acknowledge → commit. A batch is acknowledged after
 * every sink has stored it. The source then commits, per partition, the offset below which every record is acknowledged.
 *
 *   storage_queue ─▶ parse ─▶ buffer ─▶ group ─┬─▶ databases ───┐
 *                                              ├─▶ topics ──────┼─▶ acknowledge ─▶ commit
 *                                              └─▶ dead letters ┘
 */
import { groupDicomState } from '../src/operators/group-dicom-state.ts';
import { type ParseEvents, parseRecords } from '../src/operators/parse-records.ts';
import type { HeaderReader, Offsets, Sink, Source, Transaction } from '../src/ports.ts';
import type { GroupedBatch } from '../src/records/records.ts';
import type { BufferOptions } from './buffer.ts';
import { consume, type ForkOptions, type Stream, type Topology } from './compose.ts';

/** The nodes of the at-least-once topology. */
export interface Nodes {
  readonly source: Source;
  readonly reader: HeaderReader;
  /** Every sink gets every batch: the databases, then the state and image topics. */
  readonly sinks: readonly Sink[];
  readonly deadLetters: Sink;
  readonly offsets: Offsets;
}

/** Batching, concurrency, waits and retries, with listeners for metrics. */
export interface Settings extends BufferOptions, ForkOptions {
  /** Batches whose headers are read concurrently. */
  readonly concurrency: number;
  /** How long a record waits for a file that is missing or incomplete, in milliseconds. */
  readonly fileWaitMs: number;
  readonly parseEvents?: ParseEvents;
  /** Called with the change whenever the number of records that wait for their files changes. */
  readonly onWaiting?: (change: number) => void;
}

/** The records of a source as batches of rows. A batch has 50 records, or those of 5 seconds: `bufferTime(5000, null, 50)`. */
export function readHeaders(source: Source, reader: HeaderReader, settings: Settings): Stream<GroupedBatch> {
  return consume(source)
    .through('parse_records', parseRecords(settings.parseEvents))
    .buffer(settings)
    .through('group_dicom_state', groupDicomState(reader, { ...settings, records: source.waiting }));
}

/** The at-least-once topology: the source commits what every sink has stored. */
export function topology({ source, reader, sinks, deadLetters, offsets }: Nodes, settings: Settings): Topology {
  return readHeaders(source, reader, settings).forkTo({ sinks, deadLetters }, settings).commitTo(offsets);
}

/** The nodes of the exactly-once topology. */
export interface ExactlyOnceNodes extends Pick<Nodes, 'source' | 'reader'> {
  readonly databases: readonly Sink[];
  /** Publishes output records and dead letters, and commits the offsets. */
  readonly transaction: Transaction;
}

/**
 * The exactly-once topology: one Kafka transaction publishes a batch's output records and commits its offsets, after the
 * databases have stored the batch. The commit says which records are done, so batches need no order. Batches that arrive
 * during a transaction share the next one.
 */
export function exactlyOnceTopology(
  { source, reader, databases, transaction }: ExactlyOnceNodes,
  settings: Settings,
): Topology {
  return readHeaders(source, reader, settings).forkTo({ sinks: databases }, settings).commitIn(transaction);
}
