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
 * Works at many items at once and emits each one's result in the items' own order. `work` gets an item as a stream that ends when the
 * intake ends, and gives one result; where it ends without one (it let go of its item), nothing behind that item is emitted either.
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
