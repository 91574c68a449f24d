import { type MonoTypeOperatorFunction, retry, type SchedulerLike, throwError, timer } from 'rxjs';
import { dispositionOf } from './disposition.ts';

export interface RetryPolicy {
  /** The first wait, doubled at each attempt up to `maxDelayMs`; the actual wait is between half of that and all of it. */
  readonly initialDelayMs: number;
  readonly maxDelayMs: number;
  readonly scheduler?: SchedulerLike;
  /** Told of every failure that will be retried. `attempt` counts from 1. */
  readonly onRetry?: (error: unknown, attempt: number, delayMs: number) => void;
}

/** Full speed is back at most this long after a database or broker is. */
export const DEFAULT_RETRY: RetryPolicy = { initialDelayMs: 100, maxDelayMs: 5_000 };

/** Subscribes again after a transient failure, for as long as it takes; passes every other failure on. */
export function retryTransient<T>(policy: RetryPolicy): MonoTypeOperatorFunction<T> {
  return retry({
    delay: (error, attempt) => {
      if (dispositionOf(error) !== 'retry') return throwError(() => error);
      const delayMs = backoff(policy, attempt);
      policy.onRetry?.(error, attempt, delayMs);
      return timer(delayMs, policy.scheduler);
    },
  });
}

/** Half fixed, half random: batches that failed together don't come back together. */
function backoff({ initialDelayMs, maxDelayMs }: RetryPolicy, attempt: number): number {
  const full = Math.min(maxDelayMs, initialDelayMs * 2 ** Math.min(attempt - 1, 30));
  return full / 2 + (Math.random() * full) / 2;
}
