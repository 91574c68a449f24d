import { defer, Subject, takeUntil } from 'rxjs';
import type { Offsets, Sink } from '../ports.ts';
import type { GroupedBatch, Origin, PoisonRecord } from '../records/records.ts';
import { RefusedDeadLetters } from '../records/refusals.ts';
import { type RetryPolicy, retryTransient } from './retry-transient.ts';

export interface HeldRecords {
  /** Writes dead letters; those that the topic refuses are retried in the background. */
  readonly deadLetters: Sink;
  /** Acknowledges all records but those: each is acknowledged when its dead letter is written. */
  readonly offsets: Offsets;
  /** Ends the retries. The records stay unacknowledged and are redelivered. */
  stop(): void;
}

/**
 * A dead letter that its topic refuses holds back the offset of its own record only: the rest of its batch, which may come from other
 * partitions, is acknowledged. The record is retried until the topic accepts it.
 */
export function holdRefused(deadLetters: Sink, offsets: Offsets, policy: RetryPolicy): HeldRecords {
  /** Per held record, whether its batch was acknowledged in the meantime. */
  const held = new Map<Origin, boolean>();
  const stopped$ = new Subject<void>();

  function hold(record: PoisonRecord, { closedAt }: GroupedBatch): void {
    const { origin } = record.source;
    held.set(origin, false);
    const batch = { origins: [origin], grouped: [], poison: [record], closedAt };
    defer(() => deadLetters.write(batch))
      .pipe(retryTransient(deadLetters.name, policy), takeUntil(stopped$))
      .subscribe({
        next: () => {
          const acknowledged = held.get(origin);
          held.delete(origin);
          if (acknowledged === true) offsets.ack([origin]);
        },
        // Not a transient failure: the record stays unacknowledged. The next batch that fails in the same way reports it.
        error: () => undefined,
      });
  }

  return {
    deadLetters: {
      name: deadLetters.name,
      connect: () => deadLetters.connect(),
      async write(batch) {
        try {
          return await deadLetters.write(batch);
        } catch (error) {
          if (!(error instanceof RefusedDeadLetters)) throw error;
          for (const record of error.poison) hold(record, batch);
          return [];
        }
      },
      close: () => deadLetters.close(),
    },
    offsets: {
      ack(origins) {
        if (held.size === 0) return offsets.ack(origins);
        const free = origins.filter((origin) => !held.has(origin));
        for (const origin of origins) if (held.has(origin)) held.set(origin, true);
        return offsets.ack(free);
      },
    },
    stop: () => stopped$.next(),
  };
}
