/**
 * The service, on one page. Records come in on the left and leave as committed batches; nothing in between keeps state, and no record
 * is committed before every sink has it.
 *
 *   storage_queue ─▶ parse ─▶ buffer ─▶ group ─┬─▶ databases ───┐
 *                                              ├─▶ topics ──────┼─▶ commit
 *                                              └─▶ dead letters ┘
 */
import { bufferTime, filter, type Observable, type SchedulerLike, tap } from 'rxjs';
import { acknowledgeRecords } from '../src/operators/acknowledge-records.ts';
import { commitTogether } from '../src/operators/commit-together.ts';
import { type ForkOptions, forkTo } from '../src/operators/fork-to.ts';
import { groupDicomState } from '../src/operators/group-dicom-state.ts';
import { inOrder } from '../src/operators/in-order.ts';
import { type ParseEvents, parseRecords } from '../src/operators/parse-records.ts';
import { DEFAULT_RETRY, type RetryPolicy } from '../src/operators/retry-transient.ts';
import type { HeaderReader, Offsets, Sink, Source, Transaction } from '../src/ports.ts';
import type { AcknowledgedBatch, ParsedRecord } from '../src/records/records.ts';

export interface Nodes {
  readonly source: Source;
  readonly reader: HeaderReader;
  /** Each gets every batch: the databases, then the state and image topics. */
  readonly sinks: readonly Sink[];
  readonly deadLetters: Sink;
  readonly offsets: Offsets;
}

export interface Settings {
  /** A batch is full after so many records, */
  readonly batchCount: number;
  /** or so long after it began. Milliseconds. */
  readonly batchPeriodMs: number;
  /** Batches whose headers are read at once. */
  readonly concurrency: number;
  /** How long a file that isn't there yet, or is still being written, is waited for. Milliseconds. */
  readonly fileWaitMs: number;
  readonly retry?: RetryPolicy;
  /** Called with the number of records of each batch when it is full or its period is over. */
  readonly onBatch?: (records: number) => void;
  readonly parseEvents?: ParseEvents;
  readonly onWaiting?: (change: number) => void;
  /** The clock of buffers and retries: tests bring one that they move by hand. */
  readonly scheduler?: SchedulerLike;
}

/** Completes when the source has completed and all that it emitted is acked; errors when a failure is neither transient nor a record's. */
export function topology(
  { source, reader, sinks, deadLetters, offsets }: Nodes,
  settings: Settings,
): Observable<AcknowledgedBatch> {
  return batches(source, settings).pipe(
    groupDicomState(reader, settings),
    forkTo({ sinks, deadLetters }, forkOptions(settings)),
    acknowledgeRecords(offsets),
  );
}

export interface ExactlyOnceNodes extends Pick<Nodes, 'source' | 'reader'> {
  readonly databases: readonly Sink[];
  readonly transaction: Transaction;
}

/**
 * The same with the topics' half in transactions: what a batch publishes and its offsets become visible together, after the databases
 * have it. For that batches are committed in the order in which they were consumed; several at once when they come faster.
 */
export function exactlyOnceTopology(
  { source, reader, databases, transaction }: ExactlyOnceNodes,
  settings: Settings,
): Observable<AcknowledgedBatch> {
  const options = forkOptions(settings);
  return batches(source, settings).pipe(
    inOrder((batch$) =>
      batch$.pipe(
        groupDicomState(reader, { ...settings, together: true }),
        forkTo({ sinks: databases, deadLetters: inTheTransaction }, options),
      ),
    ),
    commitTogether(transaction, options.retry),
  );
}

function batches(source: Source, settings: Settings): Observable<ParsedRecord[]> {
  return source.records$.pipe(
    parseRecords(settings.parseEvents),
    bufferTime(settings.batchPeriodMs, null, settings.batchCount, settings.scheduler),
    filter((batch) => batch.length > 0),
    tap((batch) => settings.onBatch?.(batch.length)),
  );
}

function forkOptions({ retry, scheduler }: Settings): ForkOptions {
  return {
    retry: { ...DEFAULT_RETRY, ...retry, ...(scheduler === undefined ? {} : { scheduler }) },
  };
}

/** Dead letters are part of the transaction that comes behind; nothing is to be done about them before. */
const inTheTransaction: Sink = {
  name: 'transaction',
  connect: async () => undefined,
  write: async () => [],
  close: async () => undefined,
};
