import type { ProducerRecord } from '../kafka/producer/producer-record.ts';
import type { BatchRecord, GroupedBatch, GroupedRecord, StoredFile } from '../records/records.ts';

/** The record that a topic gets for a record of a batch; null for none. */
export type RecordOf<R extends BatchRecord> = (record: R) => Omit<ProducerRecord, 'topic'> | null;

/** The state or the image record (docs/contract.md, "Topics"). */
export function rowRecord(publishes: 'state' | 'image'): RecordOf<GroupedRecord> {
  return ({ [publishes]: row }) => (row === null ? null : { key: row.key, value: row.json });
}

/** The record that one file of a batch publishes to one output topic. */
export interface Publication {
  readonly file: StoredFile;
  readonly record: ProducerRecord;
}

/** The records that a batch publishes to one output topic. */
export function publications(batch: GroupedBatch, topic: string, publishes: 'state' | 'image'): readonly Publication[] {
  const recordOf = rowRecord(publishes);
  return batch.grouped.flatMap((record) => {
    const output = recordOf(record);
    return output === null ? [] : [{ file: record.file, record: { topic, ...output } }];
  });
}
