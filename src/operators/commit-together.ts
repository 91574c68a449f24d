import { defer, Observable, type OperatorFunction, type Subscription } from 'rxjs';
import type { Transaction } from '../ports.ts';
import type { AcknowledgedBatch, StoredBatch } from '../records/records.ts';
import { summaryOf } from './acknowledge-records.ts';
import { type RetryPolicy, retryTransient } from './retry-transient.ts';

/** Larger transactions gain little, and an aborted transaction is repeated as a whole. */
const MAX_RECORDS = 5_000;

/**
 * Commits batches in transactions, one at a time. Batches that arrive during a transaction go into the next one. A
 * transaction that fails for a transient reason is retried with the same batches, which keeps the order.
 */
export function commitTogether(
  transaction: Transaction,
  policy: RetryPolicy,
): OperatorFunction<StoredBatch, AcknowledgedBatch> {
  return (batches$) =>
    new Observable<AcknowledgedBatch>((subscriber) => {
      const waiting: StoredBatch[] = [];
      let running: Subscription | undefined;
      let ended = false;

      const next = () => {
        const batches = takeNext(waiting);
        if (batches.length === 0) {
          running = undefined;
          if (ended) subscriber.complete();
          return;
        }
        running = defer(() => transaction.commit(batches))
          .pipe(retryTransient(transaction.name, policy))
          .subscribe({
            next: (ranges) => {
              for (const [i, batch] of batches.entries()) subscriber.next(summaryOf(batch, ranges[i] ?? []));
            },
            error: (error: unknown) => subscriber.error(error),
            complete: next,
          });
        subscriber.add(running);
      };

      subscriber.add(
        batches$.subscribe({
          next: (batch) => {
            waiting.push(batch);
            if (running === undefined) next();
          },
          error: (error: unknown) => subscriber.error(error),
          complete: () => {
            ended = true;
            if (running === undefined) next();
          },
        }),
      );
    });
}

function takeNext(waiting: StoredBatch[]): readonly StoredBatch[] {
  let records = 0;
  let count = 0;
  for (const batch of waiting) {
    if (count > 0 && records + batch.origins.length > MAX_RECORDS) break;
    records += batch.origins.length;
    count++;
  }
  return waiting.splice(0, count);
}
