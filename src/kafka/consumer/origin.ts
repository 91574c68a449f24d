import type { WaitReason } from '../../ports.ts';
import { type ConsumedRecord, type OffsetRange, Origin, type RecordHeader } from '../../records/records.ts';
import type { PartitionOffset } from '../client/types.ts';
import type { Assignment, Waiting } from './partition-offsets.ts';
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

/** The size of the objects of a waiting record, without its bytes (WaitingFiles in src/operators/waiting-files.ts). */
const OBJECT_BYTES = 640;

/** A record that waits, with what it holds in memory. */
export function waitingOf(
  { origin, key, value, headers }: ConsumedRecord,
  reason: WaitReason,
): TrackedOffset & Waiting {
  const { topic, partition, offset, assignment } = kafkaOrigin(origin);
  const sizes = headers.map(([name, content]) => name.length + (content?.length ?? 0));
  const bytes = [OBJECT_BYTES, key?.length ?? 0, value?.length ?? 0, ...sizes].reduce((sum, size) => sum + size, 0);
  return { topic, partition, offset, bytes, reason, ...(assignment === undefined ? {} : { assignment }) };
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
