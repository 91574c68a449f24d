import { defer, firstValueFrom, Subject, takeUntil, timer } from 'rxjs';
import type { Offsets, RetriedRecords, Sink } from '../ports.ts';
import type { Batch, BatchRecord, Origin, PoisonRecord } from '../records/records.ts';
import { RefusedDeadLetters } from '../records/refusals.ts';
import { backoff, isTransient, type RetryPolicy, retryTransient } from './retry-transient.ts';

/** The dead-letter sink and the acknowledgements, with the records held back whose dead letters are not written. */
export interface HeldRecords<R extends BatchRecord> {
  /** Writes dead letters. Those that the topic refuses or can't accept for now are retried in the background. */
  readonly deadLetters: Sink<R>;
  /** Acknowledges records. A held one is acknowledged when its dead letter is written. */
  readonly offsets: Offsets;
  /** Ends the retries. The held records stay unacknowledged and are redelivered. */
  stop(): void;
}

/**
 * A dead letter that can't be written holds back the offset of its own record only: the rest of its batch, which may come from other
 * partitions, is acknowledged. One that its topic refuses is retried until the topic accepts it. While the topic can't be written at all,
 * e.g. because it was deleted, only the oldest dead letters are retried. Records that are no longer wanted, because their partition was
 * revoked, are dropped.
 */
export function holdRefused<R extends BatchRecord>(
  deadLetters: Sink<R>,
  offsets: Offsets,
  policy: RetryPolicy,
  isWanted: (origin: Origin) => boolean = () => true,
): HeldRecords<R> {
  /** The held records, with whether their batch was acknowledged meanwhile. */
  const held = new Map<Origin, boolean>();
  /** The batches that wait until the topic can be written again, with their reports. The oldest is retried. */
  const queue = new Map<Batch<R>, RetriedRecords>();
  const stopped$ = new Subject<void>();
  let emptying = false;

  function release(origin: Origin): void {
    const acknowledged = held.get(origin);
    held.delete(origin);
    if (acknowledged === true) offsets.ack([origin]);
  }

  /** Retries a record that its topic refuses. */
  function hold({ batch, record }: { readonly batch: Batch<R>; readonly record: PoisonRecord }): void {
    const { origin } = record.source;
    if (!held.has(origin)) held.set(origin, false);
    const alone = lettersOf({ ...batch, poison: [record] });
    defer(() => deadLetters.write(alone))
      .pipe(
        retryTransient(deadLetters.name, policy, { reason: 'dead_letter_retry', origins: [origin] }, () =>
          isWanted(origin),
        ),
        takeUntil(stopped$),
      )
      .subscribe({
        next: () => release(origin),
        complete: () => void held.delete(origin),
        // Not transient: the record stays unacknowledged. The next dead letter that fails like this ends the topology.
        error: () => undefined,
      });
  }

  /** Writes dead letters. Returns those that the topic refuses, which are held. Rejects when the topic can't be written. */
  async function write(batch: Batch<R>): Promise<readonly PoisonRecord[]> {
    try {
      await deadLetters.write(batch);
      return [];
    } catch (error) {
      if (!(error instanceof RefusedDeadLetters)) throw error;
      for (const record of error.poison) hold({ batch, record });
      return error.poison;
    }
  }

  function enqueue(batch: Batch<R>): void {
    const records: RetriedRecords = { reason: 'dead_letter_retry', origins: batch.origins };
    for (const origin of batch.origins) held.set(origin, false);
    queue.set(batch, records);
    policy.onHeld?.(records, true);
  }

  function dequeue(batch: Batch<R>): void {
    const records = queue.get(batch);
    if (queue.delete(batch) && records !== undefined) policy.onHeld?.(records, false);
  }

  function written(batch: Batch<R>, refused: readonly PoisonRecord[]): void {
    dequeue(batch);
    const stillHeld = new Set(refused.map(({ source }) => source.origin));
    for (const origin of batch.origins) if (!stillHeld.has(origin)) release(origin);
  }

  function dropUnwanted(): void {
    for (const batch of queue.keys()) {
      if (batch.origins.some(isWanted)) continue;
      dequeue(batch);
      for (const origin of batch.origins) held.delete(origin);
    }
  }

  /** Resolves when the batch is written or no longer wanted, to whether the topic has answered. */
  async function retryOldest(batch: Batch<R>): Promise<boolean> {
    const isQueued = () => {
      dropUnwanted();
      return queue.has(batch);
    };
    const attempts$ = defer(() => write(batch)).pipe(
      retryTransient(deadLetters.name, policy, undefined, isQueued),
      takeUntil(stopped$),
    );
    const refused = await firstValueFrom(attempts$, { defaultValue: undefined });
    if (refused === undefined) return false;
    policy.onRecovered?.(deadLetters.name);
    written(batch, refused);
    return true;
  }

  /** Retries the oldest batch, and then tries all others; again while the topic can't be written. */
  async function emptyQueue(): Promise<void> {
    for (let [oldest] = queue.keys(); oldest !== undefined; [oldest] = queue.keys()) {
      if (!(await retryOldest(oldest))) continue;
      const others = [...queue.keys()].map(async (batch) => {
        try {
          written(batch, await write(batch));
        } catch (error) {
          if (!isTransient(error)) throw error;
        }
      });
      await Promise.all(others);
    }
  }

  async function retryQueued(delayMs: number): Promise<void> {
    if (emptying) return;
    emptying = true;
    try {
      const pause$ = timer(delayMs, policy.scheduler).pipe(takeUntil(stopped$));
      await firstValueFrom(pause$, { defaultValue: undefined });
      await emptyQueue();
    } catch {
      // Not transient: these records stay unacknowledged. The next dead letter that fails like this ends the topology.
      for (const batch of queue.keys()) dequeue(batch);
    } finally {
      emptying = false;
    }
  }

  return {
    deadLetters: {
      ...deadLetters,
      async write(batch) {
        const letters = lettersOf(batch);
        if (letters.poison.length === 0) return [];
        if (queue.size > 0) {
          enqueue(letters);
          return [];
        }
        try {
          await write(letters);
        } catch (error) {
          if (!isTransient(error)) throw error;
          const delayMs = backoff(policy, 1);
          policy.onRetry?.({ sink: deadLetters.name, error, attempt: 1, delayMs });
          enqueue(letters);
          void retryQueued(delayMs);
        }
        return [];
      },
    },
    offsets: {
      ack(origins) {
        if (held.size === 0) return offsets.ack(origins);
        const free = origins.filter((origin) => !held.has(origin));
        for (const origin of origins) if (held.has(origin)) held.set(origin, true);
        return offsets.ack(free);
      },
    },
    stop: () => {
      for (const batch of queue.keys()) dequeue(batch);
      stopped$.next();
    },
  };
}

/** The dead letters of a batch alone: they may be held for long, and the rows of the other records cost memory. */
function lettersOf<R extends BatchRecord>({ poison, closedAt }: Batch<R>): Batch<R> {
  return { origins: poison.map(({ source }) => source.origin), grouped: [], poison, closedAt };
}
