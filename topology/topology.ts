/**
 * The service on one page: consume → parse → buffer → group → fork → acknowledge → commit. A batch is acknowledged after
 * every sink has stored it. The source then commits, per partition, the offset below which every record is acknowledged.
 *
 *   storage_queue ─▶ parse ─▶ buffer ─▶ group ─┬─▶ databases ───┐
 *                                              ├─▶ topics ──────┼─▶ acknowledge ─▶ commit
 *                                              └─▶ dead letters ┘
 */
import {
  bufferTime,
  filter,
  finalize,
  type Observable,
  type OperatorFunction,
  type SchedulerLike,
  Subject,
  tap,
} from 'rxjs';
import { acknowledgeRecords } from '../src/operators/acknowledge-records.ts';
import { batchInOrder } from '../src/operators/batch-in-order.ts';
import { batchWhenIdle } from '../src/operators/batch-when-idle.ts';
import { commitTogether } from '../src/operators/commit-together.ts';
import { type ForkOptions, forkTo } from '../src/operators/fork-to.ts';
import { groupDicomState } from '../src/operators/group-dicom-state.ts';
import { holdRefused } from '../src/operators/hold-refused.ts';
import { type ParseEvents, parseRecords } from '../src/operators/parse-records.ts';
import { DEFAULT_RETRY, type RetryPolicy } from '../src/operators/retry-transient.ts';
import type { HeaderReader, Offsets, Sink, Source, Transaction } from '../src/ports.ts';
import type { AcknowledgedBatch, ParsedRecord } from '../src/records/records.ts';

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
export interface Settings {
  /** A batch is closed when it holds this many records, */
  readonly batchCount: number;
  /** or after this period, in milliseconds. */
  readonly batchPeriodMs: number;
  /**
   * When given, a batch is also closed as soon as no other record is in flight: the function returns the number of emitted records that
   * are neither acknowledged nor waiting.
   */
  readonly flushWhenIdle?: () => number;
  /** When given, a batch starts only after the last one is acknowledged, and no period counts. The function is as in `flushWhenIdle`. */
  readonly inOrder?: () => number;
  /** Batches whose headers are read concurrently. */
  readonly concurrency: number;
  /** How long a record waits for a file that is missing or incomplete, in milliseconds. */
  readonly fileWaitMs: number;
  readonly retry?: RetryPolicy;
  /** Called with the number of records of each closed batch. */
  readonly onBatch?: (records: number) => void;
  readonly parseEvents?: ParseEvents;
  /** Called with the change whenever the number of records that wait for their files changes. */
  readonly onWaiting?: (change: number) => void;
  /** The clock of buffers, waits and retries; tests pass a virtual one. */
  readonly scheduler?: SchedulerLike;
}

/**
 * The at-least-once topology. Completes when the source has completed and every batch in flight is acknowledged; records
 * that wait for a file or for the dead-letter topic stay unacknowledged. Errors on a failure that a retry can't resolve.
 */
export function topology(
  { source, reader, sinks, deadLetters, offsets }: Nodes,
  settings: Settings,
): Observable<AcknowledgedBatch> {
  const options = forkOptions(settings);
  const held = holdRefused(deadLetters, offsets, options.retry);
  const acknowledged$ = new Subject<void>();
  return batches(source, settings, acknowledged$).pipe(
    groupDicomState(reader, { ...settings, records: source.waiting }),
    forkTo({ sinks, deadLetters: held.deadLetters }, options),
    acknowledgeRecords(held.offsets),
    tap(() => acknowledged$.next()),
    finalize(() => held.stop()),
  );
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
): Observable<AcknowledgedBatch> {
  const options = forkOptions(settings);
  const acknowledged$ = new Subject<void>();
  return batches(source, settings, acknowledged$).pipe(
    groupDicomState(reader, { ...settings, records: source.waiting }),
    forkTo({ sinks: databases, deadLetters: inTheTransaction }, options),
    commitTogether(transaction, options.retry),
    tap(() => acknowledged$.next()),
  );
}

function batches(source: Source, settings: Settings, acknowledged$: Observable<void>): Observable<ParsedRecord[]> {
  return source.records$.pipe(
    parseRecords(settings.parseEvents),
    batching(source, settings, acknowledged$),
    filter((batch) => batch.length > 0),
    tap((batch) => settings.onBatch?.(batch.length)),
  );
}

function batching(
  { waiting }: Source,
  { batchCount: count, batchPeriodMs: periodMs, flushWhenIdle, inOrder, scheduler }: Settings,
  finished$: Observable<void>,
): OperatorFunction<ParsedRecord, ParsedRecord[]> {
  if (inOrder !== undefined) {
    const isWanted = (record: ParsedRecord) => waiting.isWanted(record.source);
    return batchInOrder({ count, inFlight: inOrder, finished$, isWanted, scheduler });
  }
  if (flushWhenIdle !== undefined)
    return batchWhenIdle({ count, periodMs, inFlight: flushWhenIdle, finished$, scheduler });
  return bufferTime(periodMs, null, count, scheduler);
}

function forkOptions({ retry, scheduler }: Settings): ForkOptions {
  return {
    retry: { ...DEFAULT_RETRY, ...retry, ...(scheduler === undefined ? {} : { scheduler }) },
  };
}

/** The transaction publishes the dead letters, so the fork has nothing to write. */
const inTheTransaction: Sink = {
  name: 'transaction',
  connect: async () => undefined,
  write: async () => [],
  close: async () => undefined,
};
