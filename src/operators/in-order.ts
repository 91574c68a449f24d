import {
  concatAll,
  defaultIfEmpty,
  ignoreElements,
  map,
  merge,
  Observable,
  type OperatorFunction,
  of,
  ReplaySubject,
  Subject,
  take,
  takeWhile,
  tap,
} from 'rxjs';

const NOTHING = Symbol('nothing');

/**
 * Processes items concurrently and emits their results in the order of the items. `work` gets each item as a stream
 * that completes with the input, and must emit one result. If it completes without one, no result of a later item is
 * emitted.
 */
export function inOrder<T, R>(work: (item$: Observable<T>) => Observable<R>): OperatorFunction<T, R> {
  return (items$) =>
    new Observable<R>((subscriber) => {
      const ended$ = new Subject<never>();
      const subscription = items$
        .pipe(
          tap({ complete: () => ended$.complete() }),
          map((item) => {
            const result$ = new ReplaySubject<R | typeof NOTHING>(1);
            const untilEnd$ = ended$.pipe(ignoreElements());
            subscriber.add(
              work(merge(of(item), untilEnd$))
                .pipe(take(1), defaultIfEmpty<R, typeof NOTHING>(NOTHING))
                .subscribe(result$),
            );
            return result$;
          }),
          concatAll(),
          takeWhile((result): result is R => result !== NOTHING),
        )
        .subscribe(subscriber);
      subscriber.add(subscription);
    });
}
