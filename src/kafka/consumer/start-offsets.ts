import { type NativeConfig, type Partition, type PartitionOffset, partitionName } from '../client/types.ts';
import { decodeMetadata, doneRangesOf } from './commit-metadata.ts';
import type { CommittedOffset } from './committed-offsets.ts';
import { countOf, type DoneRanges } from './done-ranges.ts';
import type { LogRange, TopicState } from './group-queries.ts';

/** `start_offset`: where a group without a committed offset starts. With `committed`, it fails to start. */
export type StartPolicy = 'earliest' | 'latest' | 'committed';

/**
 * Why a partition starts where it does: `committed` (the group's offset), `earliest` or `latest` (the policy, for a partition without
 * a committed offset), `new_partition` (added after the group first consumed the topic), `recreated` (the committed offset belongs to a
 * deleted topic of the same name), `retention` (the log starts above the committed offset), `truncated` (the log ends below it).
 */
export type StartReason = 'committed' | 'earliest' | 'latest' | 'new_partition' | SkipReason;

/** The reasons for which a partition doesn't start at its committed offset. */
export const SKIP_REASONS = ['recreated', 'retention', 'truncated'] as const;
/** One of SKIP_REASONS. */
export type SkipReason = (typeof SKIP_REASONS)[number];

/** Where an assigned partition starts. */
export interface StartOffset extends PartitionOffset {
  readonly reason: StartReason;
  /** The committed offset that is not used; only with a SkipReason, and if there was one. */
  readonly left?: number;
  /** The number of records that were deleted before they were processed; 0 except with `retention`. */
  readonly skipped: number;
  /** The topic's id; undefined where the brokers have none (before Kafka 2.8). */
  readonly topicId: string | undefined;
  /** See LogIdentity. */
  readonly firstPartitions: number;
  /** Whether this offset is already the committed one. */
  readonly isCommitted: boolean;
  /** The offsets above `offset` that the group has processed. */
  readonly done: DoneRanges;
  /** Why the metadata of the committed offset is not used. */
  readonly unusable?: UnusableMetadata;
}

/**
 * Why metadata is not used: `foreign` (not in our format), `damaged` (the done offsets can't be decoded, or belong to another offset),
 * `truncated` (the log ends below them).
 */
export type UnusableMetadata = 'foreign' | 'damaged' | 'truncated';

/** What the brokers and this process know when partitions are assigned. */
export interface StartFacts {
  readonly policy: StartPolicy;
  /** The topics of the partitions. */
  readonly topics: ReadonlyMap<string, TopicState>;
  /** By `partitionName`, for every partition of the topics. */
  readonly committed: ReadonlyMap<string, CommittedOffset>;
  /** By `partitionName`, for the assigned partitions. */
  readonly ranges: ReadonlyMap<string, LogRange>;
  /** Per topic, the number of partitions when this process first described it; 0 if it didn't exist. */
  readonly firstSeen: ReadonlyMap<string, number>;
  /** Per topic, the id of the topic that this process consumed last. */
  readonly consumedIds: ReadonlyMap<string, string>;
}

/** Whether a partition with this reason doesn't start at the group's offset. */
export function isSkip(reason: StartReason): reason is SkipReason {
  return SKIP_REASONS.some((each) => each === reason);
}

/** Where a partition starts; undefined when the policy is `committed` and it has no committed offset. */
export function startOffsetOf({ topic, partition }: Partition, facts: StartFacts): StartOffset | undefined {
  const name = partitionName({ topic, partition });
  const { begin, end } = facts.ranges.get(name) ?? { begin: 0, end: 0 };
  const topicId = facts.topics.get(topic)?.id;
  const found = facts.committed.get(name);
  const firstPartitions = firstPartitionsOf(topic, facts);
  const { done: committedDone, ...unusable } = processedAbove(found, topicId, end);
  const start = (offset: number, reason: StartReason, done: DoneRanges = [], skipped = 0): StartOffset => ({
    topic,
    partition,
    offset,
    reason,
    skipped,
    topicId,
    firstPartitions,
    isCommitted: offset === found?.offset && reason === 'committed',
    done,
    ...unusable,
    ...(found === undefined || offset === found.offset ? {} : { left: found.offset }),
  });
  const consumedId = decodeMetadata(found?.metadata)?.topicId ?? facts.consumedIds.get(topic);
  if (consumedId !== undefined && topicId !== undefined && consumedId !== topicId) return start(begin, 'recreated');
  if (found === undefined) {
    if (partition >= firstPartitions) return start(begin, 'new_partition');
    if (facts.policy === 'committed') return undefined;
    return start(facts.policy === 'earliest' ? begin : end, facts.policy);
  }
  if (found.offset < begin) {
    const left = rangesFrom(committedDone, begin);
    const processed = countOf(committedDone) - countOf(left);
    return start(begin, 'retention', left, begin - found.offset - processed);
  }
  // It is unknown which records were replaced, so the whole log is consumed.
  if (found.offset > end) return start(begin, 'truncated');
  return start(found.offset, 'committed', committedDone);
}

/** The processed offsets above the committed one, if they belong to this log. */
function processedAbove(
  found: CommittedOffset | undefined,
  topicId: string | undefined,
  end: number,
): { readonly done: DoneRanges; readonly unusable?: UnusableMetadata } {
  const metadata = decodeMetadata(found?.metadata);
  if (found === undefined || metadata === undefined) return found?.metadata ? { done: [], unusable: 'foreign' } : NONE;
  // A start offset of the other log is chosen for another reason.
  if (metadata.topicId !== topicId) return NONE;
  const done = doneRangesOf(metadata, found.offset);
  if (done === undefined) return { done: [], unusable: 'damaged' };
  // The log was truncated, and other records may have got these offsets.
  return (done.at(-1) ?? 0) > end ? { done: [], unusable: 'truncated' } : { done };
}

const NONE = { done: [] } as const;

/** The parts of the ranges from `first` on. */
function rangesFrom(ranges: DoneRanges, first: number): DoneRanges {
  const left: number[] = [];
  for (let i = 0; i < ranges.length; i += 2) {
    const to = ranges[i + 1] ?? 0;
    if (to > first) left.push(Math.max(first, ranges[i] ?? 0), to);
  }
  return left;
}

/**
 * The number of partitions that the topic had when the group first consumed it. Partitions from this number on were added later and
 * start at their beginning. It is the smallest number that was committed for this topic or that this process saw first.
 */
function firstPartitionsOf(topic: string, { topics, committed, firstSeen, consumedIds }: StartFacts): number {
  const { id, partitions = 0 } = topics.get(topic) ?? {};
  const consumedId = consumedIds.get(topic);
  const numbers = consumedId === undefined || consumedId === id ? [] : [0];
  for (const offset of committed.values()) {
    if (offset.topic !== topic) continue;
    const metadata = decodeMetadata(offset.metadata);
    if (metadata === undefined) continue;
    // The group is older than this topic, so every partition of it is new.
    numbers.push(metadata.topicId === id || id === undefined ? metadata.firstPartitions : 0);
  }
  return Math.min(partitions, firstSeen.get(topic) ?? partitions, ...numbers);
}

/** The start policy in librdkafka's settings; `latest` is librdkafka's default. */
export function policyOf(config: NativeConfig): StartPolicy {
  const reset = config['auto.offset.reset'];
  if (reset === 'error') return 'committed';
  return reset === 'earliest' ? 'earliest' : 'latest';
}
