import {
  defer,
  EMPTY,
  finalize,
  type MonoTypeOperatorFunction,
  retry,
  type SchedulerLike,
  tap,
  throwError,
  timer,
} from 'rxjs';
import { SinkError } from '../errors.ts';
import type { RetriedRecords } from '../ports.ts';

/** Delays between retries, with listeners. */
export interface RetryPolicy {
  /**
   * The first delay. It doubles with each attempt up to `maxDelayMs`. The actual delay is a random value between half of
   * it and all of it.
   */
  readonly initialDelayMs: number;
  readonly maxDelayMs: number;
  readonly scheduler?: SchedulerLike;
  /** Called before each retry. */
  readonly onRetry?: (failure: TransientFailure) => void;
  /** Called when a call to this sink succeeds after at least one retry. */
  readonly onRecovered?: (sink: string) => void;
  /** Called when a call with records has failed and they are held, and when they no longer are: stored, or given up. */
  readonly onHeld?: (records: RetriedRecords, held: boolean) => void;
}

/** A failed call to a sink that will be retried. */
export interface TransientFailure {
  /** The sink's name. */
  readonly sink: string;
  readonly error: SinkError;
  /** Failed attempts of this call so far, this one included. */
  readonly attempt: number;
  readonly delayMs: number;
}

/** After an outage, the next attempt comes within `maxDelayMs`. */
export const DEFAULT_RETRY: RetryPolicy = { initialDelayMs: 100, maxDelayMs: 5_000 };

/**
 * Whether the same call may succeed later without a change of the data or the configuration. An unclassified error is
 * not transient: the topology fails instead of retrying a bug forever.
 */
export function isTransient(error: unknown): error is SinkError {
  return error instanceof SinkError && TRANSIENT.has(error.code);
}

const TRANSIENT: ReadonlySet<SinkError['code']> = new Set(['unavailable', 'timeout', 'conflict']);

/**
 * Resubscribes after a transient failure, without a limit on attempts; passes every other failure on. `records` are those of the call,
 * which are held while it is retried. Completes without a value when `isWanted` returns false after a transient failure.
 */
export function retryTransient<T>(
  sink: string,
  policy: RetryPolicy,
  records?: RetriedRecords,
  isWanted: () => boolean = () => true,
): MonoTypeOperatorFunction<T> {
  return (call$) =>
    defer(() => {
      let failed = false;
      let gaveUp = false;
      return call$.pipe(
        retry({
          delay: (error: unknown, attempt) => {
            if (!isTransient(error)) return throwError(() => error);
            gaveUp = !isWanted();
            if (gaveUp) return EMPTY;
            if (!failed && records !== undefined) policy.onHeld?.(records, true);
            failed = true;
            const delayMs = backoff(policy, attempt);
            policy.onRetry?.({ sink, error, attempt, delayMs });
            return timer(delayMs, policy.scheduler);
          },
        }),
        tap({ complete: () => failed && !gaveUp && policy.onRecovered?.(sink) }),
        finalize(() => {
          if (failed && records !== undefined) policy.onHeld?.(records, false);
        }),
      );
    });
}

/** The delay before the next attempt in milliseconds, with jitter so that batches that failed together don't retry together. */
export function backoff({ initialDelayMs, maxDelayMs }: RetryPolicy, attempt: number): number {
  const full = Math.min(maxDelayMs, initialDelayMs * 2 ** Math.min(attempt - 1, 30));
  return full / 2 + (Math.random() * full) / 2;
}
