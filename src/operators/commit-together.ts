import { defaultIfEmpty, firstValueFrom, Observable, type OperatorFunction, Subject, takeUntil, timer } from 'rxjs';
import type { HoldReason, RetriedRecords, Transaction } from '../ports.ts';
import type { AcknowledgedBatch, Batch, BatchRecord, Origin, PoisonRecord } from '../records/records.ts';
import { RefusedDeadLetters, RefusedOutputs } from '../records/refusals.ts';
import { summaryOf } from './acknowledge-records.ts';
import { originsOf, partsOf, separateParts } from './batch-parts.ts';
import { withoutRejected } from './fork-to.ts';
import { backoff, isTransient, type RetryPolicy } from './retry-transient.ts';

/** Maximum number of records per transaction. Larger ones gain little, and an aborted one is repeated as a whole. */
const MAX_RECORDS = 5_000;
/** How often the records whose dead letters a topic refused are retried, */
const HELD_RETRY_MS = 5_000;
/** unless an attempt takes long: then after this many times its duration. */
const HELD_PAUSES = 9;

/**
 * Commits batches in transactions, one at a time and in any order. Batches that arrive during a transaction go into the next one. After a
 * transient failure the batches are retried with half as many records per transaction: a throttled broker may complete a smaller one before
 * it times out.
 *
 * A record whose dead letter is refused by its topic is held back alone. Records that the transaction can't commit yet wait for the next
 * one. When the source completes, both stay uncommitted.
 */
export function commitTogether<R extends BatchRecord>(
  transaction: Pick<Transaction<R>, 'name' | 'commit' | 'admit'>,
  retry: RetryPolicy,
): OperatorFunction<Batch<R>, AcknowledgedBatch> {
  return (batches$) =>
    new Observable<AcknowledgedBatch>((subscriber) => {
      const waiting: Batch<R>[] = [];
      /** The transaction has no room for them until older records are committed. */
      let deferred: readonly Batch<R>[] = [];
      /** A topic refused their dead letters. */
      let held: readonly Batch<R>[] = [];
      const stopped$ = new Subject<void>();
      /** What is reported as held, by reason. */
      const reported = new Map<HoldReason, RetriedRecords>();
      let maxRecords = MAX_RECORDS;
      let failures = 0;
      let heldFailures = 0;
      /** By `now`. */
      let heldSince = 0;
      let heldPauseMs = HELD_RETRY_MS;
      let heldTimer = false;
      /** The dead-letter topic accepts nothing: records with dead letters are held without an attempt. */
      let acceptsNone = false;
      /** The number of batches that are being divided, for which files may have to be read again. Their storage may not answer. */
      let dividing = 0;
      let running = false;
      let ended = false;

      /** The clock of the retries, in milliseconds. `Date.now()` could move backwards. */
      const now = () => retry.scheduler?.now() ?? performance.now();
      const pause = (milliseconds: number) =>
        firstValueFrom(timer(milliseconds, retry.scheduler).pipe(takeUntil(stopped$), defaultIfEmpty(0)));

      function report(reason: HoldReason, batches: readonly Batch<R>[]): void {
        const before = reported.get(reason);
        if (before !== undefined) retry.onHeld?.(before, false);
        reported.delete(reason);
        // A commit may fail after the topology has ended: nothing would report its records as no longer held.
        if (batches.length === 0 || subscriber.closed) return;
        const records = { reason, origins: originsOf(batches) };
        reported.set(reason, records);
        retry.onHeld?.(records, true);
      }

      /** Uses the parts of a batch when they are ready. Other batches don't wait for them. */
      function divide<T>(parts: Promise<T>, use: (parts: T) => void): void {
        dividing++;
        parts.then(use).then(
          () => {
            dividing--;
            start();
          },
          (error: unknown) => subscriber.error(error),
        );
      }

      /**
       * Returns the batches that can be committed now, and defers the others. A batch of which only a part can be committed is divided; the
       * parts are admitted later. Records of revoked partitions are dropped.
       */
      function admitted(batches: readonly Batch<R>[]): readonly Batch<R>[] {
        const { now, later } = transaction.admit(originsOf(batches));
        return batches.filter((batch) => {
          const { origins } = batch;
          if (origins.every((origin) => now.has(origin))) return true;
          if (origins.every((origin) => later.has(origin))) deferred = [...deferred, batch];
          else {
            const partsIn = (some: ReadonlySet<Origin>) => separateParts([batch], (origin) => some.has(origin));
            divide(Promise.all([partsIn(now), partsIn(later)]), ([first, rest]) => {
              waiting.unshift(...first);
              deferred = [...deferred, ...rest];
            });
          }
          return false;
        });
      }

      function hold(batches: readonly Batch<R>[]): void {
        held = [...held, ...batches];
        report('dead_letter_retry', held);
      }

      /** The batches without records whose dead letters the topic can't accept now. These are held. */
      function withoutUnwritable(batches: readonly Batch<R>[]): readonly Batch<R>[] {
        const letters = acceptsNone ? batches.flatMap(({ poison }) => poison) : [];
        if (letters.length === 0) return batches;
        const [unwritable, rest] = split(batches, letters);
        hold(unwritable);
        return rest;
      }

      async function commit(batches: readonly Batch<R>[]): Promise<void> {
        const ranges = await transaction.commit(batches);
        waiting.unshift(...deferred);
        deferred = [];
        batches.forEach((batch, i) => void subscriber.next(summaryOf(batch, ranges[i] ?? [])));
      }

      async function commitNext(batches: readonly Batch<R>[]): Promise<void> {
        try {
          await commit(batches);
          report('sink_retry', []);
          if (failures > 0) retry.onRecovered?.(transaction.name);
          failures = 0;
          maxRecords = Math.min(MAX_RECORDS, maxRecords * 2);
        } catch (error) {
          if (error instanceof RefusedOutputs) {
            for (const batch of batches)
              divide(withDeadLetters(batch, error.poison), (rest) => void waiting.unshift(rest));
          } else if (error instanceof RefusedDeadLetters) {
            heldSince = now();
            acceptsNone = error.acceptsNone;
            retry.onRetry?.({ sink: error.sink, error, attempt: 1, delayMs: heldPauseMs });
            const [refused, rest] = split(batches, error.poison);
            hold(refused);
            waiting.unshift(...rest);
          } else {
            if (!isTransient(error)) throw error;
            waiting.unshift(...batches);
            report('sink_retry', batches);
            maxRecords = Math.max(1, Math.floor(recordsOf(batches) / 2));
            const delayMs = backoff(retry, ++failures);
            retry.onRetry?.({ sink: transaction.name, error, attempt: failures, delayMs });
            await pause(delayMs);
          }
        }
      }

      async function commitHeld(): Promise<void> {
        const batches = admitted(held);
        held = [];
        report('dead_letter_retry', batches);
        if (batches.length === 0) return;
        const startedAt = now();
        try {
          await commit(batches);
          report('dead_letter_retry', []);
          heldFailures = 0;
          acceptsNone = false;
          heldPauseMs = HELD_RETRY_MS;
        } catch (error) {
          if (!isTransient(error)) throw error;
          acceptsNone = error instanceof RefusedDeadLetters && error.acceptsNone;
          // All other batches wait during an attempt: it takes seconds when the topic doesn't exist.
          heldPauseMs = Math.max(HELD_RETRY_MS, HELD_PAUSES * (now() - startedAt));
          const [refused, rest] = split(batches, error instanceof RefusedDeadLetters ? error.poison : undefined);
          held = refused;
          report('dead_letter_retry', held);
          waiting.unshift(...rest);
          heldSince = now();
          retry.onRetry?.({ sink: error.sink, error, attempt: ++heldFailures + 1, delayMs: heldPauseMs });
        }
      }

      async function run(): Promise<void> {
        if (running) return;
        running = true;
        waiting.unshift(...deferred);
        deferred = [];
        /** Records without room may have it together with others, if they were in different parts. */
        let inParts = false;
        while (!subscriber.closed) {
          if (held.length > 0 && !ended && now() - heldSince >= heldPauseMs) {
            await commitHeld();
            inParts = true;
          }
          let some = takeSome(waiting, maxRecords);
          if (some.length > 0) inParts ||= waiting.length > 0 || deferred.length > 0;
          else if (inParts && deferred.length > 0) {
            some = deferred;
            deferred = [];
            inParts = false;
          } else break;
          const batches = admitted(withoutUnwritable(some));
          if (batches.length > 0) await commitNext(batches);
        }
        running = false;
        if (ended && dividing === 0) subscriber.complete();
        else if (held.length > 0 && !heldTimer) {
          heldTimer = true;
          void pause(heldPauseMs).then(() => {
            heldTimer = false;
            start();
          });
        }
      }

      function start(): void {
        if (!subscriber.closed) run().catch((error: unknown) => subscriber.error(error));
      }

      subscriber.add(() => stopped$.next());
      subscriber.add(() => {
        for (const reason of [...reported.keys()]) report(reason, []);
      });
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
async function withDeadLetters<R extends BatchRecord>(
  batch: Batch<R>,
  refused: readonly PoisonRecord[],
): Promise<Batch<R>> {
  const own = new Set(batch.origins);
  const poison = refused.filter(({ source }) => own.has(source.origin));
  if (poison.length === 0) return batch;
  const rest = await withoutRejected(batch, new Set(poison.map(({ source }) => source.origin)));
  return { ...rest, poison: [...batch.poison, ...poison] };
}

/** The refused records and the others; without a refusal, all are in the first part. */
function split<R extends BatchRecord>(batches: readonly Batch<R>[], refused: readonly PoisonRecord[] | undefined) {
  if (refused === undefined) return [batches, []] as const;
  const origins = new Set(refused.map(({ source }) => source.origin));
  return [
    partsOf(batches, (origin) => origins.has(origin)),
    partsOf(batches, (origin) => !origins.has(origin)),
  ] as const;
}

function recordsOf(batches: readonly Batch<BatchRecord>[]): number {
  return batches.reduce((sum, { origins }) => sum + origins.length, 0);
}

/** Removes the first batches, at least one, with at most `maxRecords` records. */
function takeSome<R extends BatchRecord>(waiting: Batch<R>[], maxRecords: number): readonly Batch<R>[] {
  let records = 0;
  let count = 0;
  for (const { origins } of waiting) {
    if (count > 0 && records + origins.length > maxRecords) break;
    records += origins.length;
    count++;
  }
  return waiting.splice(0, count);
}
