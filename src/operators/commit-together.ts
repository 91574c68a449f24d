import { defaultIfEmpty, firstValueFrom, Observable, type OperatorFunction, Subject, takeUntil, timer } from 'rxjs';
import type { Transaction } from '../ports.ts';
import type { AcknowledgedBatch, PoisonRecord, StoredBatch } from '../records/records.ts';
import { RefusedDeadLetters, RefusedOutputs } from '../records/refusals.ts';
import { summaryOf } from './acknowledge-records.ts';
import { withoutRejected } from './fork-to.ts';
import { createHeldPartitions } from './held-partitions.ts';
import { backoff, isTransient, type RetryPolicy } from './retry-transient.ts';

/** Maximum number of records per transaction. Larger ones gain little, and an aborted one is repeated as a whole. */
const MAX_RECORDS = 5_000;
/** How often the partitions whose dead letters a topic refused are retried. */
const HELD_RETRY_MS = 5_000;

/**
 * Commits batches in transactions, one at a time. Batches that arrive during a transaction go into the next one. After a transient
 * failure the batches are retried, in the same order, with half as many records per transaction: a throttled broker may complete a
 * smaller one before it times out.
 *
 * A dead letter that its topic refuses holds back its partition only. When the source completes, held records stay uncommitted.
 */
export function commitTogether(
  transaction: Transaction,
  retry: RetryPolicy,
): OperatorFunction<StoredBatch, AcknowledgedBatch> {
  return (batches$) =>
    new Observable<AcknowledgedBatch>((subscriber) => {
      const waiting: StoredBatch[] = [];
      const held = createHeldPartitions((origin) => transaction.partitionOf(origin));
      const stopped$ = new Subject<void>();
      let maxRecords = MAX_RECORDS;
      let failures = 0;
      let heldFailures = 0;
      let heldSince = 0;
      let heldTimer = false;
      let running = false;
      let ended = false;

      const pause = (milliseconds: number) =>
        firstValueFrom(timer(milliseconds, retry.scheduler).pipe(takeUntil(stopped$), defaultIfEmpty(0)));

      async function commit(batches: readonly StoredBatch[]): Promise<void> {
        const ranges = await transaction.commit(batches);
        batches.forEach((batch, i) => void subscriber.next(summaryOf(batch, ranges[i] ?? [])));
      }

      async function commitNext(batches: readonly StoredBatch[]): Promise<void> {
        try {
          await commit(batches);
          if (failures > 0) retry.onRecovered?.(transaction.name);
          failures = 0;
          maxRecords = Math.min(MAX_RECORDS, maxRecords * 2);
        } catch (error) {
          if (error instanceof RefusedOutputs) {
            for (const batch of batches.toReversed()) waiting.unshift(await withDeadLetters(batch, error.poison));
          } else if (error instanceof RefusedDeadLetters) {
            heldSince = performance.now();
            retry.onRetry?.({ sink: error.sink, error, attempt: 1, delayMs: HELD_RETRY_MS });
            held.hold(error.poison.map(({ source }) => source.origin));
            waiting.unshift(...batches);
          } else {
            if (!isTransient(error)) throw error;
            waiting.unshift(...batches);
            maxRecords = Math.max(1, Math.floor(recordsOf(batches) / 2));
            const delayMs = backoff(retry, ++failures);
            retry.onRetry?.({ sink: transaction.name, error, attempt: failures, delayMs });
            await pause(delayMs);
          }
        }
      }

      async function commitHeld(): Promise<void> {
        const batches = takeSome([...held.batches], MAX_RECORDS);
        try {
          await commit(batches);
          held.committed(batches.length);
          heldFailures = 0;
        } catch (error) {
          if (!isTransient(error)) throw error;
          heldSince = performance.now();
          retry.onRetry?.({ sink: error.sink, error, attempt: ++heldFailures + 1, delayMs: HELD_RETRY_MS });
        }
      }

      async function run(): Promise<void> {
        if (running) return;
        running = true;
        while (!subscriber.closed) {
          if (held.batches.length > 0 && !ended && performance.now() - heldSince >= HELD_RETRY_MS) await commitHeld();
          const batches = held.keep(takeSome(waiting, maxRecords));
          if (batches.length > 0) await commitNext(batches);
          else if (waiting.length === 0) break;
        }
        running = false;
        if (ended) subscriber.complete();
        else if (held.batches.length > 0 && !heldTimer) {
          heldTimer = true;
          void pause(HELD_RETRY_MS).then(() => {
            heldTimer = false;
            start();
          });
        }
      }

      function start(): void {
        if (!subscriber.closed) run().catch((error: unknown) => subscriber.error(error));
      }

      subscriber.add(() => stopped$.next());
      subscriber.add(
        batches$.subscribe({
          next: (batch) => {
            waiting.push(batch);
            start();
          },
          error: (error: unknown) => subscriber.error(error),
          complete: () => {
            ended = true;
            start();
          },
        }),
      );
    });
}

/** The batch with these records dead-lettered. The next greatest versions of their keys are published instead. */
async function withDeadLetters(batch: StoredBatch, refused: readonly PoisonRecord[]): Promise<StoredBatch> {
  const own = new Set(batch.origins);
  const poison = refused.filter(({ source }) => own.has(source.origin));
  if (poison.length === 0) return batch;
  const rest = await withoutRejected(batch, new Set(poison.map(({ source }) => source.origin)));
  return { ...rest, poison: [...batch.poison, ...poison] };
}

function recordsOf(batches: readonly StoredBatch[]): number {
  return batches.reduce((sum, { origins }) => sum + origins.length, 0);
}

/** Removes the first batches, at least one, with at most `maxRecords` records. */
function takeSome(waiting: StoredBatch[], maxRecords: number): readonly StoredBatch[] {
  let records = 0;
  let count = 0;
  for (const { origins } of waiting) {
    if (count > 0 && records + origins.length > maxRecords) break;
    records += origins.length;
    count++;
  }
  return waiting.splice(0, count);
}
