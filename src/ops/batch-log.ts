import { type PartitionOffset, partitionName } from '../kafka/client/client.ts';
import type { AcknowledgedBatch } from '../records/records.ts';
import type { Logger } from './logger.ts';

/** The log lines of batches, of their commits, and of records that wait for their files. */
export interface BatchLog {
  /** Logs one line per batch at INFO, and at WARN the counts by error code when records of it were dead-lettered. */
  acknowledged(batch: AcknowledgedBatch): void;
  /** Logs committed offsets at DEBUG. The line of the next batch repeats them, so that INFO shows commits too. */
  committed(offsets: readonly PartitionOffset[]): void;
  /**
   * Logs at INFO when the first record begins to wait for its file, and when none waits any more. `change` is the change
   * of the number of waiting records.
   */
  waiting(change: number): void;
}

/** The minimum time between two logged waits, in milliseconds, because files may be late regularly. */
const REPEAT_WAITING_MS = 30_000;

/** `now` returns milliseconds. */
export function createBatchLog(logger: Logger, now: () => number = () => performance.now()): BatchLog {
  const committed = new Map<string, PartitionOffset>();
  let waiting = 0;
  let since: number | undefined;
  let loggedAt = Number.NEGATIVE_INFINITY;

  return {
    acknowledged(batch) {
      if (batch.deadLetters > 0)
        logger.warn({ dead_letters: batch.deadLetters, codes: batch.deadLetterCodes }, 'records dead-lettered');
      if (!logger.isLevelEnabled('info')) return;
      logger.info(
        {
          partitions: batch.ranges,
          records: batch.records,
          states: batch.states,
          images: batch.images,
          dead_letters: batch.deadLetters,
          ms: Math.round(batch.durationMs * 10) / 10,
          ...(committed.size === 0 ? {} : { committed: [...committed.values()] }),
        },
        'batch acknowledged',
      );
      committed.clear();
    },
    committed(offsets) {
      // The log shows plain objects only.
      const plain = offsets.map(({ topic, partition, offset }) => ({ topic, partition, offset }));
      for (const each of plain) committed.set(partitionName(each), each);
      logger.debug({ offsets: plain }, 'offsets committed');
    },
    waiting(change) {
      waiting += change;
      if (waiting === 0) {
        if (since !== undefined)
          logger.info({ ms: Math.round(now() - since) }, 'no records are waiting for their files');
        since = undefined;
      } else if (since === undefined && now() - loggedAt >= REPEAT_WAITING_MS) {
        since = now();
        loggedAt = since;
        logger.info({ waiting }, 'records are waiting for their files');
      }
    },
  };
}
