import { type PartitionOffset, partitionName } from '../client/types.ts';
import type { SourceEvents } from './events.ts';
import type { GroupQueries } from './group-queries.ts';
import type { SkipReason } from './start-offsets.ts';

/** An offset at which the client found no record, so it moved to the beginning of the log. */
export type OffsetReset = PartitionOffset;

/** librdkafka has no event for a reset, only a log line of the facility OFFSET (rdkafka_offset.c, `rd_kafka_offset_reset`). */
const RESET = /(\S+) \[(\d+)\]: offset reset \(at offset (\d+)/;

/** The reset that a line of the client's log reports; undefined for any other line. */
export function toOffsetReset(line: unknown): OffsetReset | undefined {
  if (typeof line !== 'object' || line === null || !('fac' in line) || !('message' in line)) return undefined;
  if (line.fac !== 'OFFSET' || typeof line.message !== 'string') return undefined;
  const [, topic, partition, offset] = RESET.exec(line.message) ?? [];
  if (topic === undefined) return undefined;
  return { topic, partition: Number(partition), offset: Number(offset) };
}

/** Reports why the client reset a partition to the beginning of its log; see `explainReset`. */
export async function reportReset(
  reset: OffsetReset,
  consumedId: string | undefined,
  queries: Pick<GroupQueries, 'topics' | 'ranges'>,
  events: Pick<SourceEvents, 'moved'>,
): Promise<void> {
  const found = await explainReset(reset, consumedId, queries);
  if (found !== undefined) events.moved?.(reset, found.reason, reset.offset, found.begin, found.skipped);
}

/**
 * Why the client reset a partition, where its log begins, and the number of records that were deleted before they were consumed. Undefined
 * for a partition that doesn't exist any more, and for one of another topic than that with `consumedId`, whose recreation is reported when
 * its client is replaced. Rejects with a SourceError.
 */
export async function explainReset(
  { topic, partition, offset }: OffsetReset,
  consumedId: string | undefined,
  queries: Pick<GroupQueries, 'topics' | 'ranges'>,
): Promise<{ readonly reason: SkipReason; readonly begin: number; readonly skipped: number } | undefined> {
  const [described] = await queries.topics([topic]);
  if (consumedId !== undefined && described?.id !== consumedId) return undefined;
  const range = (await queries.ranges([{ topic, partition }])).get(partitionName({ topic, partition }));
  if (range === undefined) return undefined;
  const { begin } = range;
  return offset < begin
    ? { reason: 'retention', begin, skipped: begin - offset }
    : { reason: 'truncated', begin, skipped: 0 };
}
