import { type OffsetRange, Origin, type RecordHeader } from '../../records/records.ts';
import type { PartitionOffset } from '../client/types.ts';
import type { Assignment, TrackedOffset } from './watermark.ts';

/** The origin of a record that the Kafka source consumed: the only origins that this source, its offsets and transactions accept. */
export class KafkaOrigin extends Origin implements TrackedOffset {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** The assignment that the source consumed it under, with the metadata to commit beside its offset. */
  readonly assignment?: Assignment;

  constructor({ topic, partition, offset }: PartitionOffset, assignment?: Assignment) {
    super();
    if (assignment !== undefined) this.assignment = assignment;
    this.topic = topic;
    this.partition = partition;
    this.offset = offset;
  }
}

/** Reads an origin. Throws a TypeError for one of another source: it has no offset that could be committed here. */
export function kafkaOrigin(origin: Origin): KafkaOrigin {
  if (origin instanceof KafkaOrigin) return origin;
  throw new TypeError('the record was not consumed by the Kafka source');
}

/** First and last offset per partition, and the number of records, for the log. */
export function offsetRanges(origins: readonly KafkaOrigin[]): readonly OffsetRange[] {
  const ranges: { topic: string; partition: number; first: number; last: number; records: number }[] = [];
  for (const { topic, partition, offset } of origins) {
    // A batch holds records of few partitions: searching the ranges costs less than building a key for each record.
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

/** Kafka Streams' names for the place of a record that failed (KIP-1034). */
export const ORIGIN_HEADERS = {
  topic: '__streams.errors.topic',
  partition: '__streams.errors.partition',
  offset: '__streams.errors.offset',
} as const;

/** The headers that tell a reader of the dead-letter topic where the record came from. */
export function originHeaders(origin: Origin): readonly RecordHeader[] {
  const { topic, partition, offset } = kafkaOrigin(origin);
  return [
    [ORIGIN_HEADERS.topic, Buffer.from(topic)],
    [ORIGIN_HEADERS.partition, Buffer.from(String(partition))],
    [ORIGIN_HEADERS.offset, Buffer.from(String(offset))],
  ];
}
