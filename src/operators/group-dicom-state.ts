import {
  concatMap,
  defer,
  EMPTY,
  expand,
  filter,
  finalize,
  map,
  merge,
  mergeMap,
  type OperatorFunction,
  ReplaySubject,
  type SchedulerLike,
  takeUntil,
  tap,
  timer,
} from 'rxjs';
import type { HeaderReader } from '../ports.ts';
import type { GroupedBatch, ParsedRecord, StoredFile } from '../records/records.ts';
import { type Grouping, groupBatch } from './group-batch.ts';

/** Concurrency and waits of the operator. */
export interface GroupOptions {
  /** Maximum number of batches whose headers are read at the same time. */
  readonly concurrency: number;
  /** How long a missing or incomplete file is retried, in milliseconds. */
  readonly fileWaitMs: number;
  readonly scheduler?: SchedulerLike;
  /** Called with the change whenever the number of records that wait for their file changes. */
  readonly onWaiting?: (change: number) => void;
}

/** One attempt to read a batch's files. */
interface Attempt extends Grouping {
  readonly waitedMs: number;
}

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 5_000;

/**
 * Reads the header of every file of a batch and groups the results: one state per series, one image per instance
 * (docs/contract.md, "Output records" and "Which record wins"). A record whose file can't be read becomes a poison record.
 * A record whose file is missing or incomplete leaves its batch, and the rest of the batch continues. The record stays
 * unacknowledged, is retried with growing pauses, and becomes poison after `fileWaitMs`. Time in which the storage did not
 * answer doesn't count towards `fileWaitMs`.
 */
export function groupDicomState(
  reader: HeaderReader,
  options: GroupOptions,
): OperatorFunction<readonly ParsedRecord[], GroupedBatch> {
  const { concurrency, fileWaitMs, scheduler, onWaiting } = options;
  const attempt = async (records: readonly ParsedRecord[], waitedMs: number, closedAt: number): Promise<Attempt> => ({
    ...(await groupBatch(reader, records, { mayWait: waitedMs < fileWaitMs, closedAt })),
    waitedMs,
  });

  return (batches$) =>
    defer(() => {
      // When the source completes, no record waits any longer. Unacknowledged records are redelivered after the restart.
      const ended$ = new ReplaySubject<void>(1);
      const retry = (held: readonly StoredFile[], pauseMs: number, next: () => Promise<Attempt>) => {
        if (held.length === 0) return EMPTY;
        onWaiting?.(held.length);
        return timer(pauseMs, scheduler).pipe(
          takeUntil(ended$),
          finalize(() => onWaiting?.(-held.length)),
          concatMap(next),
        );
      };
      return batches$.pipe(
        tap({ complete: () => ended$.next() }),
        map((records) => ({ records, closedAt: performance.now() })),
        mergeMap(({ records, closedAt }) => attempt(records, 0, closedAt), concurrency),
        expand(({ batch: { closedAt }, waiting, notAttempted, waitedMs }) => {
          const pauseMs = Math.min(pauseAfter(waitedMs), fileWaitMs - waitedMs);
          return merge(
            retry(waiting, pauseMs, () => attempt(waiting, waitedMs + pauseMs, closedAt)),
            retry(notAttempted, LONGEST_WAIT_MS, () => attempt(notAttempted, waitedMs, closedAt)),
          );
        }),
        map(({ batch }) => batch),
        filter((batch) => batch.origins.length > 0),
      );
    });
}

/** As long as the record has waited so far, within bounds: 250 ms, 250 ms, 500 ms, 1 s, 2 s, 4 s, then every 5 s. */
function pauseAfter(waitedMs: number): number {
  return Math.min(LONGEST_WAIT_MS, Math.max(FIRST_WAIT_MS, waitedMs));
}
