import { type OffsetRange, Origin, type RecordHeader } from '../../records/records.ts';
import type { PartitionOffset } from '../client/types.ts';
import type { Assignment } from './partition-offsets.ts';
import type { TrackedOffset } from './watermark.ts';

/** The origin of a record that the Kafka source consumed. The source and its transactions accept no other origin. */
export class KafkaOrigin extends Origin implements TrackedOffset {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** The assignment under which it was consumed, with the log that it belongs to. */
  readonly assignment?: Assignment;

  constructor({ topic, partition, offset }: PartitionOffset, assignment?: Assignment) {
    super();
    if (assignment !== undefined) this.assignment = assignment;
    this.topic = topic;
    this.partition = partition;
    this.offset = offset;
  }
}

/** Casts an origin. Throws a TypeError for one of another source, which has no offset to commit here. */
export function kafkaOrigin(origin: Origin): KafkaOrigin {
  if (origin instanceof KafkaOrigin) return origin;
  throw new TypeError('the record was not consumed by the Kafka source');
}

/** The first and last offset and the number of records per partition, for the log. */
export function offsetRanges(origins: readonly KafkaOrigin[]): readonly OffsetRange[] {
  const ranges: { topic: string; partition: number; first: number; last: number; records: number }[] = [];
  for (const { topic, partition, offset } of origins) {
    // A batch has records of few partitions: a linear search costs less than building a key for each record.
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

/** Kafka Streams' header names for the origin of a failed record (KIP-1034). */
export const ORIGIN_HEADERS = {
  topic: '__streams.errors.topic',
  partition: '__streams.errors.partition',
  offset: '__streams.errors.offset',
} as const;

/** The headers of a dead letter that say where the record came from. */
export function originHeaders(origin: Origin): readonly RecordHeader[] {
  const { topic, partition, offset } = kafkaOrigin(origin);
  return [
    [ORIGIN_HEADERS.topic, Buffer.from(topic)],
    [ORIGIN_HEADERS.partition, Buffer.from(String(partition))],
    [ORIGIN_HEADERS.offset, Buffer.from(String(offset))],
  ];
}
