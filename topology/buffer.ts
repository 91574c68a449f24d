import { bufferTime, filter, NEVER, type Observable, type OperatorFunction, pipe, type SchedulerLike, tap } from 'rxjs';
import { batchInOrder } from '../src/operators/batch-in-order.ts';
import { batchWhenIdle } from '../src/operators/batch-when-idle.ts';
import type { WaitingRecords } from '../src/ports.ts';
import type { ConsumedRecord } from '../src/records/records.ts';

/** When a batch is closed. */
export interface BufferOptions {
  /** At this number of records, */
  readonly batchCount: number;
  /** or, when given, when their values have at least this many bytes, */
  readonly batchBytes?: number;
  /** or after this period, in milliseconds, */
  readonly batchPeriodMs: number;
  /**
   * or, when given, as soon as no other record is in flight: the function returns the number of emitted records that are neither
   * acknowledged nor waiting.
   */
  readonly flushWhenIdle?: () => number;
  /** When given, a batch starts only after the last one is acknowledged, and no period counts. The function is as in `flushWhenIdle`. */
  readonly inOrder?: () => number;
  /** Called with the number of records of each closed batch, and whether `batchBytes` closed it. */
  readonly onBatch?: (records: number, closedBySize: boolean) => void;
  /** The clock of the period; tests pass a virtual one. */
  readonly scheduler?: SchedulerLike;
}

/** A processor with its name. */
export interface NamedOperator<T, U> {
  readonly name: string;
  readonly operator: OperatorFunction<T, U>;
}

/** The operator that collects records into batches. `acknowledged$` emits when a batch was acknowledged. */
export function bufferOperator<T extends { readonly source: ConsumedRecord }>(
  options: BufferOptions,
  waiting: WaitingRecords,
  acknowledged$: Observable<void>,
): NamedOperator<T, readonly T[]> {
  const { name, operator } = batching<T>(options, waiting, acknowledged$);
  return {
    name,
    operator: pipe(
      operator,
      filter((batch) => batch.length > 0),
      tap((batch) => options.onBatch?.(batch.length, isClosedBySize(batch, options))),
    ),
  };
}

function batching<T extends { readonly source: ConsumedRecord }>(
  { batchCount: count, batchBytes, batchPeriodMs: periodMs, flushWhenIdle, inOrder, scheduler }: BufferOptions,
  waiting: WaitingRecords,
  finished$: Observable<void>,
): NamedOperator<T, readonly T[]> {
  const size = batchBytes === undefined ? undefined : { limit: batchBytes, sizeOf: valueBytes };
  if (inOrder !== undefined) {
    const isWanted = ({ source }: T) => waiting.isWanted(source);
    return {
      name: 'batch_in_order',
      operator: batchInOrder({ count, size, inFlight: inOrder, finished$, isWanted, scheduler }),
    };
  }
  if (flushWhenIdle !== undefined) {
    const operator = batchWhenIdle<T>({ count, size, periodMs, inFlight: flushWhenIdle, finished$, scheduler });
    return { name: 'batch_when_idle', operator };
  }
  if (size !== undefined) {
    const neverIdle = { inFlight: () => Number.POSITIVE_INFINITY, finished$: NEVER };
    return { name: 'batch_by_size', operator: batchWhenIdle<T>({ count, size, periodMs, ...neverIdle, scheduler }) };
  }
  return { name: 'buffer_time', operator: bufferTime(periodMs, null, count, scheduler) };
}

/** As Redpanda Connect counts: without keys and headers. */
function valueBytes({ source }: { readonly source: ConsumedRecord }): number {
  return source.value?.length ?? 0;
}

function isClosedBySize(
  batch: readonly { readonly source: ConsumedRecord }[],
  { batchCount, batchBytes }: BufferOptions,
): boolean {
  if (batchBytes === undefined || batch.length >= batchCount) return false;
  return batch.reduce((sum, record) => sum + valueBytes(record), 0) >= batchBytes;
}
