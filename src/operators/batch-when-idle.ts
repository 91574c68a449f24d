import { asyncScheduler, Observable, type OperatorFunction, type SchedulerLike, Subscription } from 'rxjs';
import type { SizeLimit } from './batch-size.ts';

/** When a batch is closed. */
export interface IdleBatching<T = never> {
  /** At this number of items, */
  readonly count: number;
  /** or at this size, */
  readonly size?: SizeLimit<T> | undefined;
  /** or this many milliseconds after its first item, */
  readonly periodMs: number;
  /** or as soon as nothing else is in flight: `inFlight` returns the number of unfinished items, those of the open batch included. */
  readonly inFlight: () => number;
  /** Emits when items have been finished. */
  readonly finished$: Observable<unknown>;
  readonly scheduler?: SchedulerLike | undefined;
}

/**
 * Groups items into batches. Under light load a batch doesn't wait for its period; under full load, batches are as large as without this
 * rule, because others are in flight. Items that arrive together stay together.
 */
export function batchWhenIdle<T>(options: IdleBatching<T>): OperatorFunction<T, T[]> {
  const { count, size, periodMs, inFlight, finished$, scheduler = asyncScheduler } = options;
  return (items$) =>
    new Observable<T[]>((subscriber) => {
      let open: T[] = [];
      let sizeOfOpen = 0;
      let period: Subscription | undefined;
      let check = Subscription.EMPTY;
      let checking = false;

      function close(): void {
        period?.unsubscribe();
        period = undefined;
        if (open.length === 0) return;
        const batch = open;
        open = [];
        sizeOfOpen = 0;
        subscriber.next(batch);
      }

      // In a later turn, because one poll delivers many items.
      function checkSoon(): void {
        if (checking || open.length === 0) return;
        checking = true;
        // Not added to the subscriber, which would keep every action: an action that has run doesn't end by itself.
        check.unsubscribe();
        check = scheduler.schedule(() => {
          checking = false;
          if (inFlight() <= open.length) close();
        });
      }

      subscriber.add(finished$.subscribe(checkSoon));
      subscriber.add(
        items$.subscribe({
          next(item) {
            open.push(item);
            sizeOfOpen += size?.sizeOf(item) ?? 0;
            if (open.length >= count || (size !== undefined && sizeOfOpen >= size.limit)) close();
            else {
              if (open.length === 1) period = scheduler.schedule(close, periodMs);
              checkSoon();
            }
          },
          error: (error: unknown) => subscriber.error(error),
          complete() {
            close();
            subscriber.complete();
          },
        }),
      );
      subscriber.add(() => period?.unsubscribe());
      subscriber.add(() => check.unsubscribe());
    });
}
