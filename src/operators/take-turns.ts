import { Observable, type SchedulerLike, Subscription, timer } from 'rxjs';

/** Work that is pulled when there is a free slot. */
export interface PulledWork<R> {
  /** Emits when there is work. */
  readonly ready$: Observable<unknown>;
  /** Whether there is work. */
  hasWork(): boolean;
  /** Starts some of it; undefined when there is none, or no room for it yet. */
  start(): Promise<R> | undefined;
  /** How often `start` is called again while there is no room, in milliseconds. */
  readonly periodMs: number;
}

/**
 * Runs `first` for each item and the pulled work, at most `concurrency` of both together. They take turns while there is both, so neither
 * delays the other for ever. Completes when the items have completed and nothing runs; pulled work that is left is not started.
 */
export function takeTurns<T, R>(
  items$: Observable<T>,
  first: (item: T) => Promise<R>,
  pulled: PulledWork<R>,
  { concurrency, scheduler }: { readonly concurrency: number; readonly scheduler?: SchedulerLike | undefined },
): Observable<R> {
  return new Observable<R>((subscriber) => {
    const items: T[] = [];
    let running = 0;
    let isPulledNext = false;
    let hasCompleted = false;
    let later = Subscription.EMPTY;

    function startItem(): Promise<R> | undefined {
      const item = items.shift();
      if (item === undefined) return undefined;
      isPulledNext = true;
      return first(item);
    }

    function startPulled(): Promise<R> | undefined {
      const started = hasCompleted ? undefined : pulled.start();
      if (started !== undefined) isPulledNext = false;
      return started;
    }

    function fill(): void {
      while (running < concurrency && !subscriber.closed) {
        const started = isPulledNext ? (startPulled() ?? startItem()) : (startItem() ?? startPulled());
        if (started === undefined) break;
        running++;
        started.then(
          (result) => {
            running--;
            subscriber.next(result);
            fill();
          },
          (error: unknown) => subscriber.error(error),
        );
      }
      if (hasCompleted && running === 0 && items.length === 0) subscriber.complete();
      else if (!hasCompleted && running < concurrency && pulled.hasWork()) fillLater();
    }

    function fillLater(): void {
      later.unsubscribe();
      later = timer(pulled.periodMs, scheduler).subscribe(fill);
    }

    subscriber.add(() => later.unsubscribe());
    subscriber.add(pulled.ready$.subscribe(fill));
    subscriber.add(
      items$.subscribe({
        next(item) {
          items.push(item);
          fill();
        },
        error: (error: unknown) => subscriber.error(error),
        complete() {
          hasCompleted = true;
          fill();
        },
      }),
    );
  });
}
