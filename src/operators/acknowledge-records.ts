import { map, type OperatorFunction } from 'rxjs';
import type { Offsets } from '../ports.ts';
import type { AcknowledgedBatch, ConsumedRecord, OffsetRange, StoredBatch } from '../records/records.ts';

/** Acks every record of a stored batch, so that its offsets can be committed, and tells what the batch was. */
export function acknowledgeRecords(offsets: Offsets): OperatorFunction<StoredBatch, AcknowledgedBatch> {
  return map((batch) => {
    offsets.ack(batch.sources);
    return summaryOf(batch);
  });
}

/** What a batch was, in numbers. */
export function summaryOf(batch: StoredBatch): AcknowledgedBatch {
  return {
    ranges: rangesOf(batch.sources),
    records: batch.sources.length,
    states: count(batch, 'state'),
    images: count(batch, 'image'),
    deadLetters: batch.poison.length,
    durationMs: performance.now() - batch.startedAt,
  };
}

function count(batch: StoredBatch, kind: 'state' | 'image'): number {
  return batch.grouped.reduce((sum, record) => (record[kind] === null ? sum : sum + 1), 0);
}

/** First and last offset per partition, and how many records of it the batch holds. */
function rangesOf(records: readonly ConsumedRecord[]): readonly OffsetRange[] {
  const ranges: { topic: string; partition: number; first: number; last: number; records: number }[] = [];
  for (const { topic, partition, offset } of records) {
    // A batch holds records of few partitions: looking through them costs less than a key for each record.
    const range = ranges.find((each) => each.partition === partition && each.topic === topic);
    if (range === undefined) ranges.push({ topic, partition, first: offset, last: offset, records: 1 });
    else {
      range.first = Math.min(range.first, offset);
      range.last = Math.max(range.last, offset);
      range.records++;
    }
  }
  return ranges;
}
