/**
 * The service, on one page. Records come in on the left and leave as committed batches; nothing in between keeps state, and no record
 * is committed before every sink has it.
 *
 *   storage_queue ─▶ parse ─▶ buffer ─▶ group ─┬─▶ databases ───┐
 *                                              ├─▶ topics ──────┼─▶ commit
 *                                              └─▶ dead letters ┘
 */
import { bufferTime, filter, type Observable, type SchedulerLike } from 'rxjs';
import { commitOffsets } from '../src/operators/commit-offsets.ts';
import { forkTo } from '../src/operators/fork-to.ts';
import { groupBatch } from '../src/operators/group-batch.ts';
import { groupDicomState } from '../src/operators/group-dicom-state.ts';
import { parseRecords, type UnknownFieldsListener } from '../src/operators/parse-records.ts';
import { DEFAULT_RETRY, type RetryPolicy } from '../src/operators/retry-transient.ts';
import type { CommittedBatch, ParsedRecord } from '../src/records/records.ts';
import type { HeaderReader, Offsets, Sink, Source } from './nodes.ts';

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
  readonly onUnknownFields?: UnknownFieldsListener;
  readonly onWaiting?: (change: number) => void;
  /** The clock of buffers and retries: tests bring one that they move by hand. */
  readonly scheduler?: SchedulerLike;
}

/** Completes when the source has completed and all that it emitted is acked; errors when a failure is neither transient nor a record's. */
export function topology(
  { source, reader, sinks, deadLetters, offsets }: Nodes,
  settings: Settings,
): Observable<CommittedBatch> {
  const retry = { ...DEFAULT_RETRY, ...settings.retry, ...clock(settings) };
  const regroup = async (records: readonly ParsedRecord[]) =>
    (await groupBatch(reader, records, { mayWait: false })).batch;
  return source.records$.pipe(
    parseRecords(settings.onUnknownFields),
    bufferTime(settings.batchPeriodMs, null, settings.batchCount, settings.scheduler),
    filter((batch) => batch.length > 0),
    groupDicomState(reader, settings),
    forkTo({ sinks, deadLetters }, { retry, regroup }),
    commitOffsets(offsets),
  );
}

function clock({ scheduler }: Settings): { scheduler?: SchedulerLike } {
  return scheduler === undefined ? {} : { scheduler };
}
