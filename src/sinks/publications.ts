import type { ProducerRecord } from '../kafka/producer/producer-record.ts';
import { type Batch, type BatchRecord, type ConsumedRecord, type GroupedRecord, sourceOf } from '../records/records.ts';

/** The record that a topic gets for a record of a batch; null for none. */
export type RecordOf<R extends BatchRecord> = (record: R) => Omit<ProducerRecord, 'topic'> | null;

/** The state or the image record (docs/contract.md, "Topics"). */
export function rowRecord(publishes: 'state' | 'image'): RecordOf<GroupedRecord> {
  return ({ [publishes]: row }) => (row === null ? null : { key: row.key, value: row.json });
}

/** A topic that a transaction publishes to. */
export interface TransactionTopic<R extends BatchRecord = GroupedRecord> {
  /** The node's name in `describe`, in metrics and in `/ready`. */
  readonly name: string;
  readonly topic: string;
  /** Makes the output record of each record of a batch. When it throws, nothing is published and the topology fails. */
  readonly recordOf: RecordOf<R>;
}

/** An output record, and the consumed record that it comes from. */
export interface Publication {
  readonly record: ProducerRecord;
  readonly source: ConsumedRecord;
}

/** The records that a batch publishes, topic by topic. */
export function publications<R extends BatchRecord>(
  { grouped }: Pick<Batch<R>, 'grouped'>,
  topics: readonly TransactionTopic<R>[],
): readonly Publication[] {
  return topics.flatMap(({ topic, recordOf }) =>
    grouped.flatMap((record) => {
      const output = recordOf(record);
      return output === null ? [] : [{ record: { topic, ...output }, source: sourceOf(record) }];
    }),
  );
}
