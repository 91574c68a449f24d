import { asyncScheduler, Observable, type OperatorFunction, type SchedulerLike, Subscription } from 'rxjs';
import { nextBatchLength, type SizeLimit } from './batch-size.ts';

/** When the next batch may start. */
export interface OrderedBatching<T> {
  /** The maximum number of items of a batch. */
  readonly count: number;
  readonly size?: SizeLimit<T> | undefined;
  /** The number of unfinished items, those that have arrived and are in no batch yet included. */
  readonly inFlight: () => number;
  /** Emits when items have been finished. */
  readonly finished$: Observable<unknown>;
  /** Whether an item is still to be processed; false after its partition was revoked. */
  readonly isWanted: (item: T) => boolean;
  readonly scheduler?: SchedulerLike | undefined;
}

/** Items may also finish without an event, e.g. by a revocation. */
const RECHECK_MS = 250;

/**
 * Groups items into batches of which the next one starts only after the last one has finished, so that items are processed in the order in
 * which they arrive. What arrives in the meantime becomes the next batch.
 */
export function batchInOrder<T>(options: OrderedBatching<T>): OperatorFunction<T, T[]> {
  const { count, size, inFlight, finished$, isWanted, scheduler = asyncScheduler } = options;
  return (items$) =>
    new Observable<T[]>((subscriber) => {
      let open: T[] = [];
      let hasCompleted = false;
      let next = Subscription.EMPTY;
      let isSoon = false;

      function check(): void {
        isSoon = false;
        next.unsubscribe();
        open = open.filter(isWanted);
        if (open.length > 0 && inFlight() <= open.length)
          subscriber.next(open.splice(0, nextBatchLength(open, count, size)));
        if (open.length > 0) next = scheduler.schedule(check, RECHECK_MS);
        else if (hasCompleted) subscriber.complete();
      }

      // In a later turn, because one poll delivers many items, and an acknowledgement is counted after its event.
      function checkSoon(): void {
        if (isSoon) return;
        isSoon = true;
        next.unsubscribe();
        next = scheduler.schedule(check);
      }

      subscriber.add(() => next.unsubscribe());
      subscriber.add(finished$.subscribe(checkSoon));
      subscriber.add(
        items$.subscribe({
          next(item) {
            open.push(item);
            checkSoon();
          },
          error: (error: unknown) => subscriber.error(error),
          complete() {
            hasCompleted = true;
            checkSoon();
          },
        }),
      );
    });
}
