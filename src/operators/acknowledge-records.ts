import { map, type OperatorFunction } from 'rxjs';
import type { Offsets } from '../ports.ts';
import type { AcknowledgedBatch, Batch, BatchRecord, OffsetRange, PoisonRecord } from '../records/records.ts';
import { hasRows } from './regroup.ts';

/**
 * Acknowledges every record of a stored batch and emits the batch's summary. It commits nothing: the Kafka source
 * commits, at its next commit, the offset below which every record is acknowledged (`Committer` in
 * `src/kafka/consumer/committer.ts`).
 */
export function acknowledgeRecords<R extends BatchRecord>(
  offsets: Offsets,
): OperatorFunction<Batch<R>, AcknowledgedBatch> {
  return map((batch) => summaryOf(batch, offsets.ack(batch.origins)));
}

/** Counts of a batch that was just acknowledged; `ranges` are its offsets, as `ack` returns them. */
export function summaryOf<R extends BatchRecord>(batch: Batch<R>, ranges: readonly OffsetRange[]): AcknowledgedBatch {
  return {
    ranges,
    records: batch.origins.length,
    states: count(batch, 'state'),
    images: count(batch, 'image'),
    deadLetters: batch.poison.length,
    deadLetterCodes: countByCode(batch.poison),
    durationMs: performance.now() - batch.closedAt,
  };
}

function countByCode(poison: readonly PoisonRecord[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { error } of poison) counts[error.code] = (counts[error.code] ?? 0) + 1;
  return counts;
}

function count(batch: Batch<BatchRecord>, kind: 'state' | 'image'): number {
  return batch.grouped.reduce((sum, record) => (hasRows(record) && record[kind] !== null ? sum + 1 : sum), 0);
}
