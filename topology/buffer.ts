import { bufferTime, filter, type Observable, type OperatorFunction, pipe, type SchedulerLike, tap } from 'rxjs';
import { batchInOrder } from '../src/operators/batch-in-order.ts';
import { batchWhenIdle } from '../src/operators/batch-when-idle.ts';
import type { WaitingRecords } from '../src/ports.ts';
import type { ConsumedRecord } from '../src/records/records.ts';

/** When a batch is closed. */
export interface BufferOptions {
  /** At this number of records, */
  readonly batchCount: number;
  /** or after this period, in milliseconds, */
  readonly batchPeriodMs: number;
  /**
   * or, when given, as soon as no other record is in flight: the function returns the number of emitted records that are neither
   * acknowledged nor waiting.
   */
  readonly flushWhenIdle?: () => number;
  /** When given, a batch starts only after the last one is acknowledged, and no period counts. The function is as in `flushWhenIdle`. */
  readonly inOrder?: () => number;
  /** Called with the number of records of each closed batch. */
  readonly onBatch?: (records: number) => void;
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
      tap((batch) => options.onBatch?.(batch.length)),
    ),
  };
}

function batching<T extends { readonly source: ConsumedRecord }>(
  { batchCount: count, batchPeriodMs: periodMs, flushWhenIdle, inOrder, scheduler }: BufferOptions,
  waiting: WaitingRecords,
  finished$: Observable<void>,
): NamedOperator<T, readonly T[]> {
  if (inOrder !== undefined) {
    const isWanted = ({ source }: T) => waiting.isWanted(source);
    return {
      name: 'batch_in_order',
      operator: batchInOrder({ count, inFlight: inOrder, finished$, isWanted, scheduler }),
    };
  }
  if (flushWhenIdle !== undefined) {
    const operator = batchWhenIdle<T>({ count, periodMs, inFlight: flushWhenIdle, finished$, scheduler });
    return { name: 'batch_when_idle', operator };
  }
  return { name: 'buffer_time', operator: bufferTime(periodMs, null, count, scheduler) };
}
