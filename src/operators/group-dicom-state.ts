import {
  concatMap,
  defer,
  EMPTY,
  expand,
  filter,
  finalize,
  map,
  mergeMap,
  type OperatorFunction,
  ReplaySubject,
  type SchedulerLike,
  takeUntil,
  tap,
  timer,
} from 'rxjs';
import type { HeaderReader } from '../ports.ts';
import type { GroupedBatch, ParsedRecord } from '../records/records.ts';
import { type Grouping, groupBatch } from './group-batch.ts';

export interface GroupOptions {
  /** Batches whose headers are read at once. */
  readonly concurrency: number;
  /** How long a file that isn't there, or isn't complete, is waited for. Milliseconds. */
  readonly fileWaitMs: number;
  readonly scheduler?: SchedulerLike;
  /** A batch waits as a whole for its last file, instead of going on without it: for who must keep the order. Default false. */
  readonly together?: boolean;
  /** Told whenever the number of records that wait for their file changes: by how much. */
  readonly onWaiting?: (change: number) => void;
}

/** One attempt to read a batch's files. */
interface Attempt extends Grouping {
  /** The records whose files were tried. */
  readonly records: readonly ParsedRecord[];
  readonly waitedMs: number;
}

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 5_000;

/**
 * Reads the header of every file of a batch and groups what they say: one state per series, one image per instance (contract, "Between"
 * and "Group"). A file that can't be read becomes a poison record; one that isn't there yet, or is still being written, leaves its batch,
 * is looked at again with growing pauses, and becomes poison only after `fileWaitMs`. Its record stays unacked all the while, and the rest
 * of its batch goes on. While the storage hangs so that nobody can look at all, that clock stands still.
 */
export function groupDicomState(
  reader: HeaderReader,
  options: GroupOptions,
): OperatorFunction<readonly ParsedRecord[], GroupedBatch> {
  const { concurrency, fileWaitMs, scheduler, together = false, onWaiting } = options;
  const attempt = async (records: readonly ParsedRecord[], waitedMs: number, closedAt: number): Promise<Attempt> => ({
    ...(await groupBatch(reader, records, { mayWait: waitedMs < fileWaitMs, closedAt })),
    records,
    waitedMs,
  });

  return (batches$) =>
    defer(() => {
      // At the end of the intake nobody waits any more: what is unacked comes again after the restart.
      const ended$ = new ReplaySubject<void>(1);
      return batches$.pipe(
        tap({ complete: () => ended$.next() }),
        map((records) => ({ records, closedAt: performance.now() })),
        mergeMap(({ records, closedAt }) => attempt(records, 0, closedAt), concurrency),
        expand(({ batch, records, waiting, waitedMs, stalled }) => {
          if (waiting.length === 0) return EMPTY;
          const pauseMs = stalled ? LONGEST_WAIT_MS : Math.min(pauseAfter(waitedMs), fileWaitMs - waitedMs);
          onWaiting?.(waiting.length);
          return timer(pauseMs, scheduler).pipe(
            takeUntil(ended$),
            finalize(() => onWaiting?.(-waiting.length)),
            concatMap(() =>
              attempt(together ? records : waiting, stalled ? waitedMs : waitedMs + pauseMs, batch.closedAt),
            ),
          );
        }),
        filter(({ waiting }) => !together || waiting.length === 0),
        map(({ batch }) => batch),
        filter((batch) => batch.origins.length > 0),
      );
    });
}

/** As long again as was waited already: 250 ms, 250, 500, 1 s, 2 s, 4 s, then every 5 s. */
function pauseAfter(waitedMs: number): number {
  return Math.min(LONGEST_WAIT_MS, Math.max(FIRST_WAIT_MS, waitedMs));
}
