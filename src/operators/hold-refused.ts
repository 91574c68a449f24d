import { defer, Subject, takeUntil } from 'rxjs';
import type { Offsets, Sink } from '../ports.ts';
import type { Batch, BatchRecord, Origin, PoisonRecord } from '../records/records.ts';
import { RefusedDeadLetters } from '../records/refusals.ts';
import { type RetryPolicy, retryTransient } from './retry-transient.ts';

/** The dead-letter sink and the acknowledgements, with refused dead letters held back. */
export interface HeldRecords<R extends BatchRecord> {
  /** Writes dead letters. Refused ones are retried in the background. */
  readonly deadLetters: Sink<R>;
  /** Acknowledges records. A held one is acknowledged when its dead letter is written. */
  readonly offsets: Offsets;
  /** Ends the retries. The held records stay unacknowledged and are redelivered. */
  stop(): void;
}

/**
 * A dead letter that its topic refuses holds back the offset of its own record only: the rest of its batch, which may come from other
 * partitions, is acknowledged. The record is retried until the topic accepts it, or until it is no longer wanted because its partition was
 * revoked.
 */
export function holdRefused<R extends BatchRecord>(
  deadLetters: Sink<R>,
  offsets: Offsets,
  policy: RetryPolicy,
  isWanted: (origin: Origin) => boolean = () => true,
): HeldRecords<R> {
  /** The held records, with whether their batch was acknowledged meanwhile. */
  const held = new Map<Origin, boolean>();
  const stopped$ = new Subject<void>();

  function hold(record: PoisonRecord, { closedAt }: Batch<R>): void {
    const { origin } = record.source;
    held.set(origin, false);
    const batch = { origins: [origin], grouped: [], poison: [record], closedAt };
    defer(() => deadLetters.write(batch))
      .pipe(
        retryTransient(deadLetters.name, policy, { reason: 'dead_letter_retry', origins: [origin] }, () =>
          isWanted(origin),
        ),
        takeUntil(stopped$),
      )
      .subscribe({
        next: () => {
          const acknowledged = held.get(origin);
          held.delete(origin);
          if (acknowledged === true) offsets.ack([origin]);
        },
        complete: () => void held.delete(origin),
        // Not transient: the record stays unacknowledged. The next dead letter that fails like this ends the topology.
        error: () => undefined,
      });
  }

  return {
    deadLetters: {
      ...deadLetters,
      async write(batch) {
        try {
          return await deadLetters.write(batch);
        } catch (error) {
          if (!(error instanceof RefusedDeadLetters)) throw error;
          for (const record of error.poison) hold(record, batch);
          return [];
        }
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
    stop: () => stopped$.next(),
  };
}
