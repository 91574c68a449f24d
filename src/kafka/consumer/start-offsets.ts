import { type Partition, type PartitionOffset, partitionName } from '../client/types.ts';
import { decodeMetadata } from './commit-metadata.ts';
import type { CommittedOffset } from './committed-offsets.ts';
import type { LogRange, TopicState } from './group-queries.ts';

/** `start_offset`: where a group without a committed offset starts. With `committed` it doesn't start. */
export type StartPolicy = 'earliest' | 'latest' | 'committed';

/**
 * Why a partition starts where it does:
 * `committed` (the group's offset), `earliest`/`latest` (the policy, for a partition without an offset), `new_partition` (it was added after
 * the group had started in the topic), `recreated` (the committed offset is of another topic with the same name), `retention` (the log
 * starts above the committed offset), `truncated` (the log ends below it).
 */
export type StartReason = 'committed' | 'earliest' | 'latest' | 'new_partition' | SkipReason;

/** Reasons to leave a committed offset. */
export const SKIP_REASONS = ['recreated', 'retention', 'truncated'] as const;
export type SkipReason = (typeof SKIP_REASONS)[number];

/** Where an assigned partition starts. */
export interface StartOffset extends PartitionOffset {
  readonly reason: StartReason;
  /** The committed offset that was left, if there was one; only with a SkipReason. */
  readonly left?: number;
  /** Records that were not consumed and don't exist any more; with `retention` only, else 0. */
  readonly skipped: number;
  /** The topic's id; undefined where the brokers have none (before Kafka 2.8). */
  readonly topicId: string | undefined;
  /** See CommitMetadata. */
  readonly firstPartitions: number;
  /** Whether this offset is already the committed one. */
  readonly isCommitted: boolean;
}

/** What is known when partitions are assigned. */
export interface StartFacts {
  readonly policy: StartPolicy;
  /** The topics of the partitions. */
  readonly topics: ReadonlyMap<string, TopicState>;
  /** By `partitionName`, of every partition of the topics. */
  readonly committed: ReadonlyMap<string, CommittedOffset>;
  /** By `partitionName`, of the assigned partitions. */
  readonly ranges: ReadonlyMap<string, LogRange>;
  /** Per topic, the number of partitions that this process has seen first: 0 for a topic that didn't exist then. */
  readonly firstSeen: ReadonlyMap<string, number>;
  /** Per topic, the id of the log that this process consumed last. */
  readonly consumedIds: ReadonlyMap<string, string>;
}

/** Whether a start leaves the offset that the group or this process had. */
export function isSkip(reason: StartReason): reason is SkipReason {
  return SKIP_REASONS.some((each) => each === reason);
}

/** Undefined when the policy is `committed` and there is no offset to start from. */
export function startOffsetOf({ topic, partition }: Partition, facts: StartFacts): StartOffset | undefined {
  const name = partitionName({ topic, partition });
  const { begin, end } = facts.ranges.get(name) ?? { begin: 0, end: 0 };
  const topicId = facts.topics.get(topic)?.id;
  const found = facts.committed.get(name);
  const firstPartitions = firstPartitionsOf(topic, facts);
  const start = (offset: number, reason: StartReason, skipped = 0): StartOffset => ({
    topic,
    partition,
    offset,
    reason,
    skipped,
    topicId,
    firstPartitions,
    isCommitted: offset === found?.offset && reason === 'committed',
    ...(found === undefined || offset === found.offset ? {} : { left: found.offset }),
  });
  const consumedId = decodeMetadata(found?.metadata)?.topicId ?? facts.consumedIds.get(topic);
  if (consumedId !== undefined && topicId !== undefined && consumedId !== topicId) return start(begin, 'recreated');
  if (found === undefined) {
    if (partition >= firstPartitions) return start(begin, 'new_partition');
    if (facts.policy === 'committed') return undefined;
    return start(facts.policy === 'earliest' ? begin : end, facts.policy);
  }
  if (found.offset < begin) return start(begin, 'retention', begin - found.offset);
  // How much of the log was replaced is unknown: all that is there is consumed.
  if (found.offset > end) return start(begin, 'truncated');
  return start(found.offset, 'committed');
}

/**
 * How many partitions the topic had when the group first started in it: a partition above that was added since, and starts at its
 * beginning. The smallest number that was ever committed for this topic, else what this process saw first.
 */
function firstPartitionsOf(topic: string, { topics, committed, firstSeen, consumedIds }: StartFacts): number {
  const { id, partitions = 0 } = topics.get(topic) ?? {};
  const consumedId = consumedIds.get(topic);
  const numbers = consumedId === undefined || consumedId === id ? [] : [0];
  for (const offset of committed.values()) {
    if (offset.topic !== topic) continue;
    const metadata = decodeMetadata(offset.metadata);
    if (metadata === undefined) continue;
    // The group was here before this topic was: every partition of it is new.
    numbers.push(metadata.topicId === id || id === undefined ? metadata.firstPartitions : 0);
  }
  return Math.min(partitions, firstSeen.get(topic) ?? partitions, ...numbers);
}
